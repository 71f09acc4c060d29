/**
 * A message for a host that does not take it as it is: 8-bit text and lines that
 * are too long become quoted-printable or base64, part by part, and a header
 * that is not ASCII becomes one that is. What fits already stays byte by byte.
 * RFC 6152 section 3, RFC 2045 section 6, RFC 5321 section 4.5.3.1.6.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { encode, wrap } from "nodemailer/lib/qp";
import { asciiField, foldedField } from "./header-ascii.ts";
import { brokenLines, hasShortLines } from "./line-length.ts";
import {
  contentTypeOf,
  type Entity,
  type Field,
  readEntity,
  splitMultipart,
  valueOf,
  withField,
  writeEntity,
} from "./mime-entity.ts";

/** What the host does not take. Lines that are too long no host takes. */
export type Lacks = { utf8Header: boolean; eightBitBody: boolean };

export type Conversion = { kind: "converted"; data: Buffer } | { kind: "impossible"; what: "header" | "body" };

export function convertMessage(message: Buffer, lacks: Lacks): Conversion {
  const whole = readEntity(message);
  const fields = convertFields(whole.fields, lacks.utf8Header);
  if (fields === undefined) return { kind: "impossible", what: "header" };
  const body = convertBody({ ...whole, fields }, { sevenBit: lacks.eightBitBody, depth: 0, type: "text/plain" });
  if (body === undefined) return { kind: "impossible", what: "body" };
  return { kind: "converted", data: writeEntity(asMime(body, whole)) };
}

/** A message from before MIME gets what says how it is encoded. RFC 1428 section 3. */
function asMime(after: Entity, before: Entity): Entity {
  if (after.body === before.body || valueOf(before.fields, "mime-version") !== undefined) return after;
  const charset = isAscii(before.body) ? "us-ascii" : isUtf8(before.body) ? "utf-8" : "unknown-8bit";
  const hasType = valueOf(before.fields, "content-type") !== undefined;
  const typed = hasType ? after.fields : withField(after.fields, "Content-Type", `text/plain; charset=${charset}`);
  return { ...after, fields: withField(typed, "MIME-Version", "1.0") };
}

type Context = {
  sevenBit: boolean;
  depth: number;
  /** What an entity is that does not say. */
  type: "text/plain" | "message/rfc822";
};

/** Beyond it somebody is after our stack. */
const DEEPEST = 30;

const fits = (data: Buffer, sevenBit: boolean) => (!sevenBit || isAscii(data)) && hasShortLines(data);

function convertFields(fields: Field[], sevenBit: boolean): Field[] | undefined {
  const converted = fields.map((field) => {
    const ascii = sevenBit ? asciiField(field) : field;
    if (ascii === undefined || hasShortLines(ascii.raw)) return ascii;
    return { ...ascii, raw: foldedField(ascii.raw.toString("latin1")) };
  });
  return converted.some((field) => field === undefined) ? undefined : converted.filter((field) => field !== undefined);
}

function convertEntity(data: Buffer, context: Context): Buffer | undefined {
  if (fits(data, context.sevenBit)) return data;
  const entity = readEntity(data);
  const fields = convertFields(entity.fields, context.sevenBit);
  const converted = fields === undefined ? undefined : convertBody({ ...entity, fields }, context);
  return converted === undefined ? undefined : writeEntity(converted);
}

function convertBody(entity: Entity, context: Context): Entity | undefined {
  const { fields, body } = entity;
  if (fits(body, context.sevenBit)) return entity;
  const { type, boundary } = contentTypeOf(fields) ?? { type: context.type, boundary: undefined };
  const inside = { ...context, depth: context.depth + 1 };
  if (inside.depth > DEEPEST) return undefined;
  if (type.startsWith("multipart/")) {
    const member = type === "multipart/digest" ? "message/rfc822" : "text/plain";
    const parts = boundary === undefined ? undefined : convertParts(body, boundary, { ...inside, type: member });
    return parts === undefined ? undefined : composite(entity, parts);
  }
  if (type === "message/rfc822") {
    const message = convertEntity(body, { ...inside, type: "text/plain" });
    return message === undefined ? undefined : composite(entity, message);
  }
  // Other messages must not be encoded (RFC 2046 section 5.2), but for those in UTF-8 (RFC 6532 section 3.7).
  if (type.startsWith("message/") && !type.startsWith("message/global"))
    return { fields, body: tamed(body, context.sevenBit) };
  return convertLeaf(entity, type);
}

/** Nothing that has parts is encoded itself: what it says of its parts must be true again. RFC 2045 section 6.4. */
function composite({ fields }: Entity, body: Buffer): Entity {
  const declared = valueOf(fields, "content-transfer-encoding")?.toLowerCase();
  const isWrong = (declared === "8bit" || declared === "binary") && isAscii(body);
  return { fields: isWrong ? withField(fields, "Content-Transfer-Encoding", "7bit") : fields, body };
}

function convertParts(body: Buffer, boundary: string, context: Context): Buffer | undefined {
  if (context.sevenBit && !isAscii(Buffer.from(boundary))) return undefined;
  const converted = splitMultipart(body, boundary)?.map(({ kind, data }) =>
    kind === "part" ? convertEntity(data, context) : tamed(data, context.sevenBit),
  );
  if (converted === undefined || converted.includes(undefined)) return undefined;
  return Buffer.concat(converted.filter((piece) => piece !== undefined));
}

/** Text that no program shows, around the parts; and reports for programs. */
function tamed(data: Buffer, sevenBit: boolean): Buffer {
  const short = brokenLines(data, "\r\n");
  return sevenBit && !isAscii(short)
    ? Buffer.from(short.toString("latin1").replaceAll(/[\u0080-\u00ff]/g, "?"))
    : short;
}

function convertLeaf({ fields, body }: Entity, type: string): Entity | undefined {
  const declared = valueOf(fields, "content-transfer-encoding")?.toLowerCase() ?? "7bit";
  const content = decoded(body, declared);
  if (content === undefined) return undefined;
  const isText = type.startsWith("text/") || type.startsWith("message/");
  const isQuoted =
    declared === "quoted-printable" || (declared !== "base64" && isText && suitsQuotedPrintable(content));
  const encoding = isQuoted ? "quoted-printable" : "base64";
  const encoded = isQuoted ? wrap(encode(content)) : base64(content);
  return { fields: withField(fields, "Content-Transfer-Encoding", encoding), body: Buffer.from(encoded, "latin1") };
}

/** `undefined`: an encoding that we do not know. */
function decoded(body: Buffer, encoding: string): Buffer | undefined {
  switch (encoding) {
    case "7bit":
    case "8bit":
    case "binary":
      return body;
    case "base64":
      return Buffer.from(body.toString("latin1"), "base64");
    case "quoted-printable":
      return unquoted(body);
    default:
      return undefined;
  }
}

/** RFC 2045 section 6.7. What is no escape stays. */
function unquoted(body: Buffer): Buffer {
  const text = body
    .toString("latin1")
    .replaceAll(/[ \t]+(?=\r\n|$)/g, "")
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(text, "latin1");
}

/** Text that is mostly not Latin is shorter in base64, and a large one is sooner done. */
const MOST_QUOTED_BYTES = 1024 * 1024;

function suitsQuotedPrintable(content: Buffer): boolean {
  if (content.length > MOST_QUOTED_BYTES) return false;
  const sample = content.subarray(0, 65_536);
  let eightBit = 0;
  for (const byte of sample) if (byte > 0x7e) eightBit += 1;
  return eightBit * 2 <= sample.length;
}

/** Ends with a line break where the content is encoded to its end. */
const base64 = (content: Buffer) =>
  (content.toString("base64").match(/.{1,76}/g) ?? []).map((line) => `${line}\r\n`).join("");
