/**
 * Values whose unit stands in the name of the property that holds them: the
 * setting `retry.lifetime: 5d` becomes `config.retry.lifetimeMs`, a number.
 * The schema reads them into the small classes here; `withUnits` walks the
 * result, unwraps them and renames the keys, and the type follows.
 */

/** Becomes `<name>Ms`. */
export class Duration {
  readonly milliseconds: number;
  constructor(milliseconds: number) {
    this.milliseconds = milliseconds;
  }
}

/** Becomes `<name>Bytes`. */
export class Size {
  readonly bytes: number;
  constructor(bytes: number) {
    this.bytes = bytes;
  }
}

/** A file or directory. Keeps its name; a relative one is resolved against the working directory. */
export class FilePath {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }
}

type KeyWithUnit<Key, Value> = Key extends string
  ? NonNullable<Value> extends Duration | Duration[]
    ? `${Key}Ms`
    : NonNullable<Value> extends Size
      ? `${Key}Bytes`
      : Key
  : Key;

export type WithUnits<T> = T extends Duration | Size
  ? number
  : T extends FilePath
    ? string
    : T extends readonly (infer Item)[]
      ? WithUnits<Item>[]
      : T extends object
        ? { [Key in keyof T as KeyWithUnit<Key, T[Key]>]: WithUnits<T[Key]> }
        : T;

/** Unwraps every duration, size and path below `value`. `resolvePath` makes a path absolute. */
export function withUnits<T>(value: T, resolvePath: (path: string) => string): WithUnits<T> {
  return unwrap(value, resolvePath) as WithUnits<T>;
}

function unwrap(value: unknown, resolvePath: (path: string) => string): unknown {
  if (value instanceof Duration) return value.milliseconds;
  if (value instanceof Size) return value.bytes;
  if (value instanceof FilePath) return resolvePath(value.path);
  if (Array.isArray(value)) return value.map((item) => unwrap(item, resolvePath));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key + unitOf(inner), unwrap(inner, resolvePath)]),
  );
}

function unitOf(value: unknown): "Ms" | "Bytes" | "" {
  const sample: unknown = Array.isArray(value) ? value[0] : value;
  if (sample instanceof Duration) return "Ms";
  return sample instanceof Size ? "Bytes" : "";
}
