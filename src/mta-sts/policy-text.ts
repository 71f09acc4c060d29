/**
 * A policy as the text of its file: what `parsePolicy` reads back.
 * RFC 8461 section 3.2.
 */
import type { Policy } from "./answer.ts";

/** Lines end in CRLF, which every reader takes; all of it is ASCII. */
export function formatPolicy({ mode, mx, maxAgeSeconds }: Policy): string {
  const lines = ["version: STSv1", `mode: ${mode}`, ...mx.map((host) => `mx: ${host}`), `max_age: ${maxAgeSeconds}`];
  return lines.map((line) => `${line}\r\n`).join("");
}
