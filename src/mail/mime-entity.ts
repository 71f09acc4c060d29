/**
 * A MIME entity, taken apart without a change: its fields as they are written,
 * and its body. Put together again it is the same, byte by byte.
 * RFC 2045 section 5, RFC 2046 section 5.1 (multipart).
 */
import { parseHeaderValue } from "nodemailer/lib/mime-funcs";

export type Field = {
  /** Lower case; `""` for a line that is no field. */
  name: string;
  /** The whole field with its CRLF. */
  raw: Buffer;
};

export type Entity = { fields: Field[]; body: Buffer };

/** What ends the fields is an empty line, or the end of it all. */
export function readEntity(data: Buffer): Entity {
  if (data.subarray(0, 2).toString("latin1") === "\r\n") return { fields: [], body: data.subarray(2) };
  const end = data.indexOf("\r\n\r\n");
  const head = end === -1 ? data : data.subarray(0, end + 2);
  return { fields: readFields(head), body: end === -1 ? data.subarray(data.length) : data.subarray(end + 4) };
}

function readFields(head: Buffer): Field[] {
  const lines = head.toString("latin1").match(/[^\r\n][^\n]*(?:\n[ \t][^\n]*)*\n?/g) ?? [];
  return lines.map((line) => ({
    name: /^([!-9;-~]+)[ \t]*:/.exec(line)?.[1]?.toLowerCase() ?? "",
    raw: Buffer.from(line, "latin1"),
  }));
}

export function writeEntity({ fields, body }: Entity): Buffer {
  return Buffer.concat([...fields.map(({ raw }) => raw), Buffer.from("\r\n"), body]);
}

/** The fields with one of this name, in the place of those that have it now. */
export function withField(fields: Field[], name: string, value: string): Field[] {
  const field = { name: name.toLowerCase(), raw: Buffer.from(`${name}: ${value}\r\n`) };
  const at = fields.findIndex((each) => each.name === field.name);
  const others = fields.filter((each) => each.name !== field.name);
  return at === -1 ? [...others, field] : [...others.slice(0, at), field, ...others.slice(at)];
}

/** Of the first field of this name, unfolded. */
export function valueOf(fields: Field[], name: string): string | undefined {
  const field = fields.find((each) => each.name === name);
  return field === undefined ? undefined : textOf(field);
}

/** What stands behind the colon, unfolded. */
export function textOf({ raw }: Field): string {
  const text = raw.toString("utf8");
  return text
    .slice(text.indexOf(":") + 1)
    .replaceAll(/\r\n(?=[ \t])/g, "")
    .trim();
}

/** `type` in lower case. */
export function contentTypeOf(fields: Field[]): { type: string; boundary: string | undefined } | undefined {
  const value = valueOf(fields, "content-type");
  if (value === undefined) return undefined;
  const { value: type, params } = parseHeaderValue(value, { stripComments: true });
  return { type: type.trim().toLowerCase(), boundary: params["boundary"] };
}

/** A multipart body in pieces: parts, and what stands between them, before and behind. */
export type Piece = { kind: "part" | "between"; data: Buffer };

/** `undefined`: it has no such boundary in it. */
export function splitMultipart(body: Buffer, boundary: string): Piece[] | undefined {
  const delimiters = findDelimiters(body, Buffer.from(`--${boundary}`));
  const [first] = delimiters;
  if (first === undefined) return undefined;
  const pieces: Piece[] = [{ kind: "between", data: body.subarray(0, first.start) }];
  for (const [i, { start, end, closes }] of delimiters.entries()) {
    // The line break before a delimiter belongs to it.
    const next = delimiters[i + 1]?.start ?? body.length;
    pieces.push({ kind: "between", data: body.subarray(start, Math.min(end, next)) });
    pieces.push({ kind: closes ? "between" : "part", data: body.subarray(Math.min(end, next), next) });
    if (closes) break;
  }
  return pieces;
}

type Delimiter = { start: number; end: number; closes: boolean };

function findDelimiters(body: Buffer, marker: Buffer): Delimiter[] {
  const found: Delimiter[] = [];
  for (let at = body.indexOf(marker); at !== -1; at = body.indexOf(marker, at + marker.length)) {
    const atLineStart = at === 0 || body.subarray(at - 2, at).toString("latin1") === "\r\n";
    const lineEnd = body.indexOf("\r\n", at);
    const rest = body.subarray(at + marker.length, lineEnd === -1 ? body.length : lineEnd);
    const [, closing] = /^(--)?[ \t]*$/.exec(rest.length > 100 ? "x" : rest.toString("latin1")) ?? [undefined, "no"];
    if (!atLineStart || closing === "no") continue;
    const closes = closing === "--";
    found.push({ start: at === 0 ? 0 : at - 2, end: lineEnd === -1 ? body.length : lineEnd + 2, closes });
    if (closes) break;
  }
  return found;
}
