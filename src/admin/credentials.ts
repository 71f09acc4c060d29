/**
 * What a request says of who sends it. RFC 9110 section 11.6.2, RFC 7617
 * (Basic), RFC 6750 section 2.1 (Bearer).
 */

export type Credentials =
  | { kind: "none" }
  | { kind: "bearer"; token: string }
  | { kind: "basic"; name: string; password: string }
  /** There is something, and it makes no sense. */
  | { kind: "malformed" };

const LONGEST = 1_024;

export function readCredentials(authorization: string | undefined): Credentials {
  if (authorization === undefined) return { kind: "none" };
  const [, scheme = "", value = ""] = /^([a-z]+) +([\w.~+/-]+=*)$/i.exec(authorization.trim()) ?? [];
  if (value === "" || value.length > LONGEST) return { kind: "malformed" };
  if (scheme.toLowerCase() === "bearer") return { kind: "bearer", token: value };
  if (scheme.toLowerCase() !== "basic") return { kind: "malformed" };
  const text = Buffer.from(value, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon === -1) return { kind: "malformed" };
  return { kind: "basic", name: text.slice(0, colon), password: text.slice(colon + 1) };
}
