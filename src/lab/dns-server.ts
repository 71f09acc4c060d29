/**
 * An authoritative DNS server for the lab and for tests: UDP and TCP on one
 * port, records as data, and faults on demand. RFC 1035, RFC 6891 (EDNS0).
 */
import type { RemoteInfo, Socket as UdpSocket } from "node:dgram";
import { isIPv6, type Socket } from "node:net";
import {
  AUTHENTIC_DATA,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  type DecodedPacket,
  type OptAnswer,
  type Question,
} from "dns-packet";
import {
  canonicalName,
  createZone,
  RCODE,
  type LabRecordData,
  type LabRecordType,
  type ZoneAnswer,
} from "./dns-zone.ts";
import { listenOnBoth } from "./udp-and-tcp.ts";

export type LabDnsBehaviour =
  | "servfail"
  | "refused"
  | "formerr"
  | "nxdomain"
  /** No reply at all. */
  | "drop"
  /** TC and no records over UDP, the whole answer over TCP. */
  | "truncate"
  /** The CNAME at the name and nothing of where it leads. */
  | "alias-only";

export type LabDnsServer = {
  /** `host:port`, a v6 host in brackets. */
  address: string;
  port: number;
  /** Every question that arrived, dropped ones too, in order. Names in lower case. May be emptied by the test. */
  queries: { name: string; type: string; transport: "udp" | "tcp" }[];
  /** Sets the AD bit in every reply, as a validating resolver does for signed names. */
  authentic: boolean;
  /** Replaces the name's records of this type; `ttl` in seconds, default 300. */
  set<T extends LabRecordType>(name: string, type: T, records: LabRecordData[T][], options?: { ttl?: number }): void;
  /** Removes one type, or everything at the name. */
  remove(name: string, type?: LabRecordType): void;
  /** How questions for this name and type are answered from now on; `undefined`: properly again. */
  behave(name: string, type: LabRecordType, behaviour: LabDnsBehaviour | undefined): void;
  /** Hears everything and answers nothing, until `up`. */
  down(): void;
  up(): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** What fits into a UDP reply: RFC 1035 section 4.2.1 without EDNS, and what passes every path with it. */
const PLAIN_UDP_BYTES = 512;
const MOST_UDP_BYTES = 1232;

export async function startDnsServer(options: { host: string; port?: number }): Promise<LabDnsServer> {
  const zone = createZone();
  const behaviours = new Map<string, LabDnsBehaviour>();
  let silent = false;

  const reply = (message: Buffer, transport: "udp" | "tcp"): Buffer | undefined => {
    const query = readQuery(message);
    if (query === undefined) return undefined;
    const { question } = query;
    server.queries.push({ name: canonicalName(question.name), type: question.type, transport });
    const behaviour = behaviours.get(behaviourKey(question.name, question.type));
    if (silent || behaviour === "drop") return undefined;
    const said = say(zone, question, behaviour);
    const whole = encodeReply(query, said, server.authentic, false);
    const fits = transport === "tcp" || (behaviour !== "truncate" && whole.length <= query.udpBytes);
    if (fits) return whole;
    return encodeReply(query, { ...said, answers: [], authorities: [] }, server.authentic, true);
  };

  const { udp, tcp, port } = await listenOnBoth(options.host, options.port ?? 0);
  const connections = new Set<Socket>();
  udp.on("message", (message, from) => answerDatagram(udp, from, reply(message, "udp")));
  tcp.on("connection", (socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
    answerStream(socket, (message) => reply(message, "tcp"));
  });

  let closed: Promise<unknown> | undefined;
  const close = async () => {
    for (const socket of connections) socket.destroy();
    closed ??= Promise.all([
      new Promise<void>((resolve) => udp.close(() => resolve())),
      new Promise<void>((resolve) => tcp.close(() => resolve())),
    ]);
    await closed;
  };

  const server: LabDnsServer = {
    address: isIPv6(options.host) ? `[${options.host}]:${port}` : `${options.host}:${port}`,
    port,
    queries: [],
    authentic: false,
    set: (name, type, records, { ttl } = {}) => zone.set(name, type, records, ttl),
    remove: (name, type) => zone.remove(name, type),
    behave: (name, type, behaviour) => {
      if (behaviour === undefined) behaviours.delete(behaviourKey(name, type));
      else behaviours.set(behaviourKey(name, type), behaviour);
    },
    down: () => void (silent = true),
    up: () => void (silent = false),
    close,
    [Symbol.asyncDispose]: close,
  };
  return server;
}

const behaviourKey = (name: string, type: string) => `${canonicalName(name)} ${type}`;

function say(zone: ReturnType<typeof createZone>, question: Question, behaviour: LabDnsBehaviour | undefined) {
  switch (behaviour) {
    case "servfail":
    case "refused":
    case "formerr":
      return { rcode: RCODE[behaviour], answers: [], authorities: [] };
    case "nxdomain":
      return zone.denial(question.name);
    case "alias-only":
      return zone.aliasOnly(question.name);
    case "drop":
    case "truncate":
    case undefined:
      return zone.answer(question.name, question.type);
  }
}

type Query = { packet: DecodedPacket; question: Question; edns: boolean; udpBytes: number };

/** `undefined` for whatever is not a query with one question: it is not answered. */
function readQuery(message: Buffer): Query | undefined {
  let packet: DecodedPacket;
  try {
    packet = decode(message);
  } catch {
    return undefined;
  }
  const question = packet.questions?.[0];
  if (packet.type !== "query" || question === undefined || packet.questions?.length !== 1) return undefined;
  const opt = packet.additionals?.find((record) => record.type === "OPT");
  const offered = opt?.type === "OPT" ? opt.udpPayloadSize : PLAIN_UDP_BYTES;
  const udpBytes = Math.min(MOST_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, offered));
  return { packet, question, edns: opt !== undefined, udpBytes };
}

function encodeReply(query: Query, said: ZoneAnswer, authentic: boolean, truncated: boolean): Buffer {
  const flags =
    AUTHORITATIVE_ANSWER |
    RECURSION_AVAILABLE |
    (query.packet.flag_rd ? RECURSION_DESIRED : 0) |
    (authentic ? AUTHENTIC_DATA : 0) |
    (truncated ? TRUNCATED_RESPONSE : 0) |
    said.rcode;
  return encode({
    type: "response",
    id: query.packet.id,
    flags,
    questions: [query.question],
    answers: said.answers,
    authorities: said.authorities,
    additionals: query.edns ? [EDNS] : [],
  });
}

const EDNS: OptAnswer = {
  type: "OPT",
  name: ".",
  udpPayloadSize: MOST_UDP_BYTES,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

function answerDatagram(udp: UdpSocket, to: RemoteInfo, message: Buffer | undefined): void {
  // The asker may be gone by now; nobody is left to tell.
  if (message !== undefined) udp.send(message, to.port, to.address, () => undefined);
}

/** Messages over TCP carry their length in two bytes. RFC 1035 section 4.2.2. */
function answerStream(socket: Socket, reply: (message: Buffer) => Buffer | undefined): void {
  let pending = Buffer.alloc(0);
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes: Buffer) => {
    pending = Buffer.concat([pending, bytes]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const length = pending.readUInt16BE(0);
      const answer = reply(pending.subarray(2, 2 + length));
      pending = pending.subarray(2 + length);
      if (answer === undefined) continue;
      const prefix = Buffer.alloc(2);
      prefix.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([prefix, answer]));
    }
  });
}
