/**
 * Finding one's way in the schema by a setting's path.
 */
import * as z from "zod";
import type { SettingPath } from "./problem.ts";
import { bare } from "./setting.ts";

/** The shape of the settings at this schema, when it is a section or an entry with settings of its own. */
export function shapeOf(schema: z.ZodType): Record<string, z.ZodType> | undefined {
  const inner = bare(schema);
  if (inner instanceof z.ZodObject) return inner.shape;
  if (!(inner instanceof z.ZodUnion)) return undefined;
  for (const option of inner.options as z.ZodType[]) {
    const shape = shapeOf(option);
    if (shape !== undefined) return shape;
  }
  return undefined;
}

/** The schema of a list's or map's entries. */
export function entryOf(schema: z.ZodType): z.ZodType | undefined {
  const inner = bare(schema);
  if (inner instanceof z.ZodArray) return inner.element as z.ZodType;
  if (inner instanceof z.ZodRecord) return inner.valueType as z.ZodType;
  return inner instanceof z.ZodPipe ? entryOf(inner.in as z.ZodType) : undefined;
}

/** The schema at a path; `undefined` where the path leads nowhere. */
export function schemaAt(root: z.ZodType, path: SettingPath): z.ZodType | undefined {
  let schema: z.ZodType | undefined = root;
  for (const step of path) {
    if (schema === undefined) return undefined;
    schema = shapeOf(schema)?.[String(step)] ?? entryOf(schema);
  }
  return schema;
}

/** Every setting that has a path of its own: the leaves of the sections. Lists and maps are leaves. */
export function settingPaths(schema: z.ZodType, path: string[] = []): { path: string[]; schema: z.ZodType }[] {
  const shape = shapeOf(schema);
  if (shape === undefined) return [{ path, schema }];
  return Object.entries(shape).flatMap(([key, inner]) => settingPaths(inner, [...path, key]));
}
