/**
 * JSON schemas of the API, as values: the one source for what requests are
 * checked against, for the types of the handlers, and for the OpenAPI document.
 */

export type Schema = {
  readonly type?: "string" | "integer" | "number" | "boolean" | "array" | "object" | "null";
  readonly [keyword: string]: unknown;
};

export type Props = Readonly<Record<string, Schema>>;

/** An object in a request: nothing else may be in it. */
export type RequestSchema<Required extends Props = Props, Optional = unknown> = {
  type: "object";
  properties: Props;
  required: string[];
  additionalProperties: false;
  /** For the types alone. */
  readonly parts?: [Required, Optional];
};

type Value<S> = S extends { type: "string"; enum: readonly (infer Word)[] }
  ? Word
  : S extends { type: "string" }
    ? string
    : S extends { type: "integer" | "number" }
      ? number
      : S extends { type: "boolean" }
        ? boolean
        : S extends { type: "array"; items: infer Item }
          ? Value<Item>[]
          : unknown;

type Required<P extends Props> = { [Name in keyof P]: Value<P[Name]> };

/** A property with a default is always there. */
type Optional<P extends Props> = {
  [Name in keyof P as P[Name] extends { default: unknown } ? Name : never]: Value<P[Name]>;
} & {
  [Name in keyof P as P[Name] extends { default: unknown } ? never : Name]?: Value<P[Name]>;
};

/** What a handler finds where a request was checked against the schema. */
export type Checked<S> =
  S extends RequestSchema<infer Must, infer May>
    ? Required<Must> & (May extends Props ? Optional<May> : unknown)
    : unknown;

export function request<const Must extends Props, const May extends Props | undefined = undefined>(
  required: Must,
  optional?: May,
): RequestSchema<Must, May> {
  const properties = { ...required, ...optional };
  return { type: "object", properties, required: Object.keys(required), additionalProperties: false };
}

/** An object in an answer: later releases may put more into it. */
export function answer(required: Props, optional: Props = {}): Schema {
  return { type: "object", properties: { ...required, ...optional }, required: Object.keys(required) };
}

export const list = (items: Schema): Schema => ({ type: "array", items });
export const mapOf = (values: Schema): Schema => ({ type: "object", additionalProperties: values });

export const TEXT = { type: "string" } as const;
export const FLAG = { type: "boolean" } as const;
export const COUNT = { type: "integer", minimum: 0 } as const;
export const NUMBER = { type: "number" } as const;
/** ISO 8601. */
export const TIME = { type: "string", format: "date-time" } as const;
export const oneOf = <const Words extends readonly string[]>(...words: Words) =>
  ({ type: "string", enum: words }) as const;

/** Words that callers give. */
export const shortText = { type: "string", minLength: 1, maxLength: 500 } as const;
export const domainText = { type: "string", minLength: 1, maxLength: 300 } as const;

export const limit = <const Default extends number>(most: number, usual: Default) =>
  ({ type: "integer", minimum: 1, maximum: most, default: usual }) as const;
