/**
 * How the schema is written: settings in sections, each with its sentence.
 * What is said here feeds the error messages, the names of the environment
 * variables and the example configuration, so that none can drift from the rest.
 */
import * as z from "zod";

export type About = {
  /** What it does, as a sentence or two. */
  says: string;
  /** The default, as it would be written. */
  default?: unknown;
  /** What stands in for a default that is no constant: "half of the machine's memory". */
  defaultIs?: string;
  /** A value to show where there is no default, or where the default shows too little. */
  example?: unknown;
};

const abouts = z.registry<About>();
const forms = z.registry<{ form: string }>();

/** What was said of this setting or section. */
export const aboutOf = (schema: z.ZodType): About | undefined => abouts.get(schema);

/** What values look like: "a port: a whole number from 1 to 65535". */
export function formOf(schema: z.ZodType): string | undefined {
  return forms.get(schema)?.form ?? (isWrapper(schema) ? formOf(schema.unwrap()) : undefined);
}

export type Reading<T> = { value: T } | { wrong: string };

/** A kind of value: `form` says what is right, `read` what is wrong with this one. */
export function kind<Output>(form: string, read: (input: unknown) => Reading<Output>): z.ZodType<Output> {
  const schema = z.unknown().transform((input, context) => {
    const reading: Reading<Output> = input === undefined ? { wrong: "it is missing" } : read(input);
    if ("value" in reading) return reading.value;
    context.issues.push({ code: "custom", message: reading.wrong, params: { form }, input });
    return z.NEVER;
  });
  forms.add(schema, { form });
  return schema;
}

/** A setting with a default. */
export function setting<Schema extends z.ZodType>(schema: Schema, about: About & { default: unknown }) {
  const entry = schema.prefault(about.default as never);
  abouts.add(entry, about);
  return entry;
}

/** A setting that may be left out; what that means is said in `defaultIs`. */
export function optional<Schema extends z.ZodType>(schema: Schema, about: About) {
  const entry = schema.exactOptional();
  abouts.add(entry, about);
  return entry;
}

/** A setting that must be there, in an entry of a list or map. */
export function required<Schema extends z.ZodType>(schema: Schema, about: About): Schema {
  abouts.add(schema, about);
  return schema;
}

/** Settings under one heading. An unknown key in it is an error; the heading may be left out. */
export function section<Shape extends z.ZodRawShape>(says: string, shape: Shape) {
  // With {} standing in for a missing section, each setting's own default applies.
  const entry = z.strictObject(shape).prefault({} as never);
  abouts.add(entry, { says });
  return entry;
}

/** The schema inside defaults and optionality. */
export function bare(schema: z.ZodType): z.ZodType {
  return isWrapper(schema) ? bare(schema.unwrap()) : schema;
}

function isWrapper(schema: z.ZodType): schema is z.ZodPrefault<z.ZodType> | z.ZodExactOptional<z.ZodType> {
  return schema instanceof z.ZodPrefault || schema instanceof z.ZodExactOptional;
}
