/**
 * Fetches a domain's policy from its policy host over HTTPS. RFC 8461 section 3.3.
 *
 * One request on a connection of its own: no agent, so no kept connections, no
 * TLS session to resume (which would skip the identity check) and no proxy from
 * the environment; Node's client has no cache and follows no redirect.
 */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { get, type RequestOptions } from "node:https";
import type { TcpSocketConnectOpts } from "node:net";
import type { ConnectionOptions, SecureContext, TLSSocket } from "node:tls";
import type { AddressGuard } from "../dns/address-guard.ts";
import type { Address, Domain, Resolver } from "../dns/answer.ts";
import { checkedAddresses, lookupIn } from "../dns/checked-addresses.ts";
import { checkServerIdentity } from "../tls/identity.ts";
import type { FetchCause, FetchFailure, Policy } from "./answer.ts";
import { failureOf, fetchError, policyInvalid } from "./fetch-failure.ts";
import { decodePolicy, parsePolicy } from "./policy.ts";
import { policyHost } from "./record.ts";

export type FetchedPolicy = { kind: "fetched"; policy: Policy; text: string };

/** Rejects only when `signal` ends it, with the signal's reason. */
export type FetchPolicy = (
  domain: Domain,
  signal?: AbortSignal,
) => Promise<FetchedPolicy | { kind: "failed"; failure: FetchFailure }>;

export type PolicyFetchOptions = {
  dns: Resolver;
  /** Says which addresses may be connected to: names in the DNS may point anywhere. */
  guard: AddressGuard;
  /** 443; another one is for tests. */
  port: number;
  /** Built once, with the roots and `minVersion`: given per connection they cost milliseconds, or are ignored. */
  secureContext: SecureContext;
  /** For the whole exchange, DNS included. Default: 60,000. RFC 8461 section 3.3. */
  timeoutMs?: number;
  /** Of the body. Default: 65,536. RFC 8461 section 3.3. */
  maxBytes?: number;
};

type FamilyOptions = "autoSelectFamily" | "autoSelectFamilyAttemptTimeout";

/** For all addresses but the last. */
const ATTEMPT_MS = 5_000;
const MOST_HEAD_BYTES = 16_384;

export function createPolicyFetch(options: PolicyFetchOptions): FetchPolicy {
  const { timeoutMs = 60_000, maxBytes = 65_536 } = options;
  return async (domain, signal) => {
    const host = policyHost(domain);
    const deadline = AbortSignal.timeout(timeoutMs);
    const ends = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    const outcome = await fetchFrom(host, options, maxBytes, ends);
    if (outcome.kind === "fetched") return outcome;
    signal?.throwIfAborted();
    if (deadline.aborted)
      return failed(fetchError(host, `no whole answer within ${timeoutMs / 1000} s`, "unreachable"));
    return outcome;
  };
}

type Outcome = Awaited<ReturnType<FetchPolicy>>;

const failed = (failure: FetchFailure) => ({ kind: "failed" as const, failure });

async function fetchFrom(
  host: Domain,
  options: PolicyFetchOptions,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const found = await checkedAddresses(host, options, signal);
  if (found.kind === "none") return failed(fetchError(host, found.detail, CAUSE[found.why]));
  const request = get(requestOptions(host, found.addresses, options, signal));
  // Errors are met where they are awaited; this one only keeps a late one from ending the process.
  request.on("error", () => undefined);
  try {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const objection = objectionTo(response, maxBytes);
    if (objection !== undefined) return failed(fetchError(host, objection.words, objection.cause));
    const body = await readBody(response, maxBytes);
    if (body === undefined) return failed(fetchError(host, tooLarge(maxBytes), "answer"));
    return read(host, body);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return failed(failureOf(host, { code, untrusted: whyUntrusted(request.socket as TLSSocket | null) }));
  } finally {
    // Nothing more is read of what is not wanted.
    request.destroy();
  }
}

const CAUSE = { absent: "no-address", unknown: "no-address", refused: "address-refused" } as const;

/** OpenSSL's judgement of the certificate, or that of checkServerIdentity: the error's code, whatever its declared type. */
function whyUntrusted(socket: TLSSocket | null): string | undefined {
  const why: unknown = socket?.authorizationError;
  return typeof why === "string" ? why : undefined;
}

function requestOptions(
  host: Domain,
  addresses: Address[],
  { port, secureContext }: PolicyFetchOptions,
  signal: AbortSignal,
): RequestOptions & ConnectionOptions & Pick<TcpSocketConnectOpts, FamilyOptions> {
  return {
    host,
    port,
    path: "/.well-known/mta-sts.txt",
    headers: { accept: "text/plain", "accept-encoding": "identity", "user-agent": "sts-relay" },
    agent: false,
    signal,
    maxHeaderSize: MOST_HEAD_BYTES,
    lookup: lookupIn(addresses),
    // Goes on to the next address when one refuses or stays silent.
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
    servername: host,
    secureContext,
    checkServerIdentity,
    // Not left to NODE_TLS_REJECT_UNAUTHORIZED.
    rejectUnauthorized: true,
  };
}

type Objection = { words: string; cause: FetchCause };

/** Why the answer, by its head, is no policy. */
function objectionTo({ statusCode, headers }: IncomingMessage, maxBytes: number): Objection | undefined {
  // A redirect is an answer like any other that is not 200. RFC 8461 section 3.3.
  if (statusCode !== 200) {
    const isRedirect = statusCode !== undefined && statusCode >= 300 && statusCode < 400;
    return { words: `it answered with status ${statusCode}`, cause: isRedirect ? "redirect" : "status" };
  }
  const mediaType = headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (mediaType !== "text/plain") {
    return { words: `its answer is ${mediaType ? "not of type text/plain" : "of no type"}`, cause: "media-type" };
  }
  const encoding = headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity") return { words: "its answer is compressed, which was not asked for", cause: "answer" };
  const length = headers["content-length"];
  // A body that ends with the connection can be cut short by anyone on the way
  // (TLS has an end mark, Node does not insist on it), and `max_age: 604800`
  // cut short is a policy of six seconds. RFC 9112 section 8.
  const coding = headers["transfer-encoding"];
  const saysItsEnd = coding === undefined ? length !== undefined : /\bchunked$/i.test(coding);
  if (!saysItsEnd) return { words: "its answer does not say where it ends", cause: "answer" };
  return Number(length ?? 0) > maxBytes ? { words: tooLarge(maxBytes), cause: "answer" } : undefined;
}

const tooLarge = (maxBytes: number) => `its answer is larger than ${maxBytes} bytes`;

/** `undefined` when there is more than `maxBytes`; leaving the loop closes the connection. */
async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function read(host: Domain, body: Buffer): Outcome {
  const text = decodePolicy(body);
  if (text === undefined) return failed(policyInvalid(host, "not UTF-8"));
  const reading = parsePolicy(text);
  if (reading.kind === "invalid") return failed(policyInvalid(host, reading.detail));
  return { kind: "fetched", policy: reading.policy, text };
}
