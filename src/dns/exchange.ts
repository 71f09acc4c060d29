/**
 * One question to one server: UDP, then TCP if the reply did not fit.
 * RFC 1035 section 4.2, RFC 7766 (TCP), RFC 5452 (forged replies).
 */
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { setTimeout } from "node:timers/promises";
import type { DnsFailure } from "./answer.ts";
import { buildQuery, readReply, type Question, type Reading } from "./message.ts";
import type { ServerAddress } from "./server-address.ts";

/** A reading that one server settles the question with. */
export type Settled = Extract<Reading, { kind: "answer" | "follow" }>;

/**
 * Never rejects: what goes wrong is an `unknown` answer. `id` is a fresh random
 * number for each call; `timeoutMs` is for UDP and TCP together.
 */
export async function exchange(
  server: ServerAddress,
  question: Question,
  options: { id: number; timeoutMs: number; signal: AbortSignal },
): Promise<Settled> {
  const { id, timeoutMs, signal } = options;
  const done = new AbortController();
  try {
    return await Promise.race([
      talk(server, question, id, done.signal),
      endOfPatience(timeoutMs, AbortSignal.any([signal, done.signal])),
    ]);
  } finally {
    done.abort(); // closes the sockets and stops the clock
  }
}

async function talk(server: ServerAddress, question: Question, id: number, signal: AbortSignal): Promise<Settled> {
  const query = buildQuery(question, id);
  const read = (bytes: Buffer) => readReply(bytes, question, id);
  let reading = await askOverUdp(server, query, read, signal);
  if (reading.kind === "truncated") reading = await askOverTcp(server, query, read, signal);
  if (reading.kind === "answer" || reading.kind === "follow") return reading;
  return failed("malformed", "the reply over TCP is truncated or to another question");
}

async function endOfPatience(timeoutMs: number, signal: AbortSignal): Promise<Settled> {
  try {
    await setTimeout(timeoutMs, undefined, { signal });
    return failed("timeout", `no reply within ${timeoutMs} ms`);
  } catch {
    return failed("aborted", "given up by the caller");
  }
}

/**
 * Each question has a socket of its own, so that its port is as hard to guess as
 * its id (RFC 5452 section 4.5). The socket is connected: packets of others do
 * not arrive, and a closed port is known at once (ICMP). A packet that does not
 * answer the question is passed over; if it ended the question, forging one would be easy.
 */
function askOverUdp(
  server: ServerAddress,
  query: Buffer,
  read: (bytes: Buffer) => Reading,
  signal: AbortSignal,
): Promise<Reading> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: isIPv6(server.address) ? "udp6" : "udp4", signal });
    socket.on("error", (error) => resolve(unreachable(error)));
    socket.on("message", (bytes) => {
      const reading = read(bytes);
      if (reading.kind !== "not-ours") resolve(reading);
    });
    socket.on("connect", () => socket.send(query));
    socket.connect(server.port, server.address);
  });
}

/** A message over TCP has its length in front, in two bytes: the size limit comes with the protocol. */
function askOverTcp(
  server: ServerAddress,
  query: Buffer,
  read: (bytes: Buffer) => Reading,
  signal: AbortSignal,
): Promise<Reading> {
  return new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port, signal });
    let received: Buffer = Buffer.alloc(0);
    socket.on("error", (error) => resolve(unreachable(error)));
    socket.on("close", () => resolve(failed("unreachable", "the connection closed before the reply")));
    socket.on("connect", () => socket.write(withLength(query)));
    socket.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      const end = received.length < 2 ? Infinity : 2 + received.readUInt16BE(0);
      if (received.length >= end) resolve(read(received.subarray(2, end)));
    });
  });
}

function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

const unreachable = (error: NodeJS.ErrnoException) => failed("unreachable", error.code ?? "network error");

const failed = (why: DnsFailure, detail: string): Settled => ({
  kind: "answer",
  answer: { kind: "unknown", why, detail },
});
