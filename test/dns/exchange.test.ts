import assert from "node:assert/strict";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { decode, encode, TRUNCATED_RESPONSE, type DecodedPacket, type Packet } from "dns-packet";
import { exchange } from "../../src/dns/exchange.ts";
import type { Question } from "../../src/dns/message.ts";
import { readAddress } from "../../src/dns/records.ts";
import { listenOnBoth } from "../../src/lab/udp-and-tcp.ts";

const host = "127.0.0.1";
const question: Question = { name: "www.example.test", type: "A" };
const never = new AbortController().signal;
const patient = { id: 4711, timeoutMs: 5000, signal: never };

function replyTo(query: DecodedPacket, parts: Packet = {}, address = "192.0.2.1"): Buffer {
  return encode({
    type: "response",
    id: query.id,
    questions: query.questions,
    answers: [{ type: "A", name: "www.example.test", ttl: 300, data: address }],
    ...parts,
  });
}

/** A server that sends what the test makes of the query, in order. `others`: before that, from another port. */
async function udpServer(
  replies: (query: DecodedPacket) => Buffer[],
  others: (query: DecodedPacket) => Buffer[] = () => [],
) {
  const { udp, tcp, port } = await listenOnBoth(host, 0);
  const stranger = createSocket("udp4");
  const ports: number[] = [];
  udp.on("message", (message, from) => {
    ports.push(from.port);
    const query = decode(message);
    const send = (bytes: Buffer[], by: UdpSocket) =>
      Promise.all(bytes.map((reply) => new Promise((sent) => by.send(reply, from.port, from.address, sent))));
    void send(others(query), stranger).then(() => send(replies(query), udp));
  });
  const close = async () => {
    if (tcp.listening) await new Promise((closed) => tcp.close(closed));
    await Promise.all([udp, stranger].map((socket) => new Promise<void>((closed) => socket.close(closed))));
  };
  return { address: host, port, ports, tcp, [Symbol.asyncDispose]: close };
}

/** Answers with TC over UDP; over TCP, `talk` has the connection. */
async function tcpServer(talk: (socket: Socket, query: DecodedPacket) => void) {
  const server = await udpServer((query) => [replyTo(query, { answers: [], flags: TRUNCATED_RESPONSE })]);
  const sockets: Socket[] = [];
  server.tcp.on("connection", (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.once("data", (bytes) => talk(socket, decode(bytes.subarray(2))));
  });
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await server[Symbol.asyncDispose]();
  };
  return { address: host, port: server.port, sockets, [Symbol.asyncDispose]: close };
}

const framed = (message: Buffer) => Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);

/** Addresses of a found answer, or the word for the failure. */
async function outcome(...args: Parameters<typeof exchange>): Promise<string> {
  const said = await exchange(...args);
  if (said.kind === "follow") return `follow ${said.name}`;
  if (said.answer.kind === "unknown") return said.answer.why;
  if (said.answer.kind === "absent") return said.answer.status;
  return said.answer.records.map((record) => readAddress(record)[0]?.address).join(" ");
}

test("forged replies are passed over and the real one is taken (RFC 5452 section 9)", async () => {
  const forged = "203.0.113.66";
  const forgeries: Record<string, (query: DecodedPacket) => Buffer> = {
    "wrong id": (query) => replyTo(query, { id: (query.id ?? 0) + 1 }, forged),
    "wrong name": (query) => replyTo(query, { questions: [{ name: "example.test", type: "A" }] }, forged),
    "wrong type": (query) => replyTo(query, { questions: [{ name: "www.example.test", type: "MX" }] }, forged),
    "no question": (query) => replyTo(query, { questions: [] }, forged),
    "a query": (query) => replyTo(query, { type: "query" }, forged),
    rubbish: () => Buffer.from("rubbish"),
    nothing: () => Buffer.alloc(0),
  };
  for (const [what, forge] of Object.entries(forgeries)) {
    await using server = await udpServer((query) => [forge(query), forge(query), replyTo(query)]);
    assert.equal(await outcome(server, question, patient), "192.0.2.1", what);
  }
});

test("a packet that is not from the server does not arrive, however right it looks (RFC 5452 section 9.1)", async () => {
  await using server = await udpServer(
    (query) => [replyTo(query)],
    (query) => [replyTo(query, {}, "203.0.113.66")],
  );
  assert.equal(await outcome(server, question, patient), "192.0.2.1");
});

test("each question leaves from a port of its own (RFC 5452 section 4.5)", async () => {
  await using server = await udpServer((query) => [replyTo(query)]);
  for (let i = 0; i < 5; i++) await exchange(server, question, { ...patient, id: i });
  assert.ok(new Set(server.ports).size > 1, `ports ${server.ports.join(" ")}`);
});

test("a server without a reply is a timeout, forgeries or not", async () => {
  await using server = await udpServer((query) => [replyTo(query, { id: (query.id ?? 0) + 1 })]);
  const said = await exchange(server, question, { ...patient, timeoutMs: 50 });
  assert.deepEqual(said, {
    kind: "answer",
    answer: { kind: "unknown", why: "timeout", detail: "no reply within 50 ms" },
  });
});

test("a closed port is unreachable at once, not after the time limit", async () => {
  let closed: { address: string; port: number };
  {
    await using server = await udpServer(() => []);
    closed = { address: server.address, port: server.port };
  }
  assert.equal(await outcome(closed, question, { ...patient, timeoutMs: 60_000 }), "unreachable");
});

test("the caller's signal ends the wait, also one that has fired already", async () => {
  await using server = await udpServer(() => []);
  const leaving = new AbortController();
  const waiting = outcome(server, question, { ...patient, signal: leaving.signal });
  leaving.abort();
  assert.equal(await waiting, "aborted");
  assert.equal(await outcome(server, question, { ...patient, signal: AbortSignal.abort() }), "aborted");
});

test("a reply to the question that makes no sense ends it: malformed", async () => {
  await using server = await udpServer((query) => [replyTo(query).subarray(0, -1)]);
  assert.equal(await outcome(server, question, patient), "malformed");
});

test("TC leads to TCP, where the reply may come in pieces (RFC 7766 section 8)", async () => {
  await using server = await tcpServer((socket, query) => {
    const message = framed(replyTo(query));
    const send = (at: number) =>
      void (at < message.length && socket.write(message.subarray(at, at + 1), () => send(at + 1)));
    socket.setNoDelay(true);
    send(0);
  });
  assert.equal(await outcome(server, question, patient), "192.0.2.1");
});

test("what goes wrong over TCP is a failure, never an answer", async () => {
  const cases: Record<string, [(socket: Socket, query: DecodedPacket) => void, string]> = {
    "closed without a reply": [(socket) => socket.end(), "unreachable"],
    "closed in the middle": [(socket, query) => socket.end(framed(replyTo(query)).subarray(0, -1)), "unreachable"],
    reset: [(socket) => socket.resetAndDestroy(), "unreachable"],
    "another id": [(socket, query) => socket.write(framed(replyTo(query, { id: 1 }))), "malformed"],
    "truncated again": [
      (socket, query) => socket.write(framed(replyTo(query, { flags: TRUNCATED_RESPONSE }))),
      "malformed",
    ],
    "an empty message": [(socket) => socket.write(Buffer.alloc(2)), "malformed"],
  };
  for (const [what, [talk, expected]] of Object.entries(cases)) {
    await using server = await tcpServer(talk);
    assert.equal(await outcome(server, question, patient), expected, what);
  }
});

test("no TCP at the server is unreachable", async () => {
  await using server = await udpServer((query) => [replyTo(query, { answers: [], flags: TRUNCATED_RESPONSE })]);
  await new Promise((closed) => server.tcp.close(closed));
  assert.equal(await outcome(server, question, { ...patient, timeoutMs: 60_000 }), "unreachable");
});

test("the time limit holds for UDP and TCP together, and the connection is closed after it", async () => {
  await using server = await tcpServer(() => undefined);
  assert.equal(await outcome(server, question, { ...patient, timeoutMs: 500 }), "timeout");
  const [socket] = server.sockets;
  assert.ok(socket);
  if (!socket.closed) await once(socket, "close");
});
