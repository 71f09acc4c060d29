/**
 * What a request for a policy is answered: values in, values out.
 * RFC 8461 sections 3.2 and 3.3, RFC 9110 (methods, conditions), RFC 9112 section 3.2 (the target).
 */
import type { Domain } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";
import type { PolicyState } from "./policies.ts";

export type PolicyRequest = {
  method: string;
  /** As it stands in the request line. */
  target: string;
  /** Every Host field there is. */
  hosts: string[];
  /** The If-None-Match field. */
  ifNoneMatch: string | undefined;
};

export type HttpAnswer = {
  status: number;
  headers: Record<string, string>;
  /** Left out of the answer to HEAD; its length is told all the same. */
  body: string;
};

const PATH = "/.well-known/mta-sts.txt";
const PREFIX = "mta-sts.";

/** Which domain's policy is asked for, or why none is. */
export type Asked = { kind: "policy"; domain: Domain } | { kind: "refused"; answer: HttpAnswer };

export function readRequest({ method, target, hosts }: PolicyRequest): Asked {
  // One who reads the first and a proxy that reads the last would not mean the same. RFC 9112 section 3.2.
  if (hosts.length > 1) return refused(400, "More than one Host field.");
  const asked = splitTarget(target, hosts[0]);
  const host = hostName(asked.authority);
  if (asked.path !== PATH || host === undefined || !host.startsWith(PREFIX)) return NOT_FOUND;
  if (method !== "GET" && method !== "HEAD") {
    return refused(405, "Only GET and HEAD are answered.", { allow: "GET, HEAD" });
  }
  return { kind: "policy", domain: host.slice(PREFIX.length) };
}

/** @param state `undefined`: no domain of ours. */
export function answerWith(state: PolicyState | undefined, ifNoneMatch: string | undefined): HttpAnswer {
  if (state === undefined) return NOT_FOUND.answer;
  if (state.kind === "unavailable") {
    return plain(503, "The policy cannot be made at this moment.", {
      "retry-after": "60",
      "cache-control": "no-store",
    });
  }
  const { text, id } = state.published;
  const etag = `"${id}"`;
  // A copy may be kept and must be asked about each time. One that a cache before us handed out by itself
  // would be the old policy under the new id, and senders would keep it as such until it runs out.
  const headers = { etag, "cache-control": "no-cache" };
  if (matches(ifNoneMatch, etag)) return { status: 304, headers, body: "" };
  // The charset is left out: all is ASCII, and not every sender looks past a parameter. RFC 8461 section 3.2.
  return { status: 200, headers: { "content-type": "text/plain", ...headers }, body: text };
}

/** The target is a path, or a whole URL, whose authority then counts. RFC 9112 sections 3.2.1 and 3.2.2. */
function splitTarget(target: string, host: string | undefined): { authority: string | undefined; path: string } {
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target) ?? [];
  const [path = ""] = (rest ?? target).split("?", 1);
  return { authority: authority ?? host, path };
}

/** Without its port, in lower case, without a dot at its end. */
function hostName(authority: string | undefined): Domain | undefined {
  return authority === undefined ? undefined : toDomain(authority.replace(/:\d*$/, ""));
}

/** By the weak comparison: what is the same but for its encoding is the same policy. RFC 9110 section 13.1.2. */
function matches(field: string | undefined, etag: string): boolean {
  const tags = new Set((field ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, "")));
  return tags.has(etag) || tags.has("*");
}

function plain(status: number, sentence: string, headers: Record<string, string> = {}): HttpAnswer {
  return { status, headers: { "content-type": "text/plain", ...headers }, body: `${sentence}\r\n` };
}

function refused(status: number, sentence: string, headers?: Record<string, string>) {
  return { kind: "refused" as const, answer: plain(status, sentence, headers) };
}

const NOT_FOUND = refused(404, "There is no policy here.");
