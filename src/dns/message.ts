/**
 * A question to bytes, and a reply's bytes to an answer. RFC 1035 section 4,
 * RFC 2308 (negative answers), RFC 6891 (EDNS0), RFC 6840 section 5.7 (AD).
 *
 * Over dns-packet and not Node's own resolver, which gives neither the TTL of
 * MX and TXT records nor the AD bit.
 */
import { AUTHENTIC_DATA, decode, encode, RECURSION_DESIRED, type Answer, type DecodedPacket } from "dns-packet";
import type { DnsAnswer, DnsFailure, Domain } from "./answer.ts";
import { toQueryName } from "./name.ts";

export type Question = {
  /** As `toQueryName` gives it. */
  name: Domain;
  type: "A" | "AAAA" | "MX" | "TXT";
};

/** What one reply says. The records are those of the asked type, still in dns-packet's form. */
export type Reading =
  /** `unknown` too: a SERVFAIL, or a reply to this question that makes no sense. */
  | { kind: "answer"; answer: DnsAnswer<Answer> }
  /** A chain of CNAMEs leads out of the reply: its end must be asked for. */
  | { kind: "follow"; name: Domain; links: number; ttlSeconds: number; authentic: boolean }
  /** TC: ask again over TCP. */
  | { kind: "truncated" }
  /** Not a reply to this question: another's, late, or forged. */
  | { kind: "not-ours" };

/** What passes every path in one piece, the value agreed on at "DNS flag day 2020". */
const UDP_BYTES = 1232;

/** CNAMEs followed for one question; the chains in use have two or three. */
export const MOST_LINKS = 16;

const MOST_TTL_SECONDS = 86_400;
const MOST_NEGATIVE_TTL_SECONDS = 900;

/** The query: recursion wanted, AD wanted without the records that prove it, EDNS0 for larger replies. */
export function buildQuery(question: Question, id: number): Buffer {
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ name: question.name, type: question.type, class: "IN" }],
    additionals: [
      {
        type: "OPT",
        name: ".",
        udpPayloadSize: UDP_BYTES,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  });
}

/** Reads what came back. Never throws, whatever the bytes are. */
export function readReply(bytes: Buffer, question: Question, id: number): Reading {
  // The head alone first: a truncated reply may end in the middle of a record.
  const head = decodeHead(bytes);
  if (head === undefined || !isReplyTo(head, question, id)) return { kind: "not-ours" };
  if (head.flag_tc) return { kind: "truncated" };
  const rcode = rcodeOf(head);
  if (rcode !== NOERROR && rcode !== NXDOMAIN) return failed(failureOf(rcode), describeRcode(rcode));
  const packet = decodeWhole(bytes);
  if (packet === undefined) return failed("malformed", "the reply cannot be read");
  return readSections(packet, question);
}

const NOERROR = 0;
const NXDOMAIN = 3;

/**
 * For a host that has no address of one family, says a forwarder that passes no
 * SOA on. RFC 2308 section 5 fears such answers going round between servers;
 * a stub hands them to nobody, and would ask again for every message.
 */
const UNDATED_SECONDS = 10;

function readSections(packet: DecodedPacket, question: Question): Reading {
  const opt = packet.additionals?.find((record) => record.type === "OPT");
  if (opt?.type === "OPT" && opt.extendedRcode !== 0) return failed("servfail", "extended error code");

  const answers = (packet.answers ?? []).filter(isInternet);
  const chain = followChain(question, answers);
  if (chain === undefined) return failed("cname-loop", "the CNAME chain has a loop or too many links");

  const { name } = chain;
  const authentic = packet.flag_ad;
  const records = answers.filter((record) => record.type === question.type && lower(record.name) === name);
  if (records.length > 0) {
    if (rcodeOf(packet) === NXDOMAIN) return failed("malformed", "records and NXDOMAIN in one reply");
    const ttlSeconds = Math.min(MOST_TTL_SECONDS, chain.ttlSeconds, ...records.map(ttlOf));
    return { kind: "answer", answer: { kind: "found", records, name, ttlSeconds, authentic } };
  }
  const denial = readDenial(packet, chain, question.type);
  if (denial === undefined)
    return chain.links > 0 ? follow(chain, authentic) : failed("servfail", "a referral, no answer");
  const ttlSeconds = Math.min(chain.ttlSeconds, denial.ttlSeconds);
  return { kind: "answer", answer: { kind: "absent", status: denial.status, ttlSeconds, authentic } };
}

/**
 * Whether the reply denies the record at the end of the chain. `undefined`: it
 * stops short of saying so. RFC 2308 sections 2.1 and 2.2.
 */
function readDenial(packet: DecodedPacket, { name, links }: Chain, type: Question["type"]) {
  const authorities = (packet.authorities ?? []).filter(isInternet);
  const soa = authorities.find((record) => record.type === "SOA" && isAtOrAbove(lower(record.name), name));
  // RFC 2308 section 3: the smaller of the SOA's own TTL and its `minimum`. Section 5:
  // without an SOA the answer is not cached, with the exception below.
  const undatedSeconds = type === "A" || type === "AAAA" ? UNDATED_SECONDS : 0;
  const soaSeconds = soa?.type === "SOA" ? Math.min(ttlOf(soa), soa.data.minimum ?? 0) : undatedSeconds;
  const ttlSeconds = Math.min(soaSeconds, MOST_NEGATIVE_TTL_SECONDS);
  if (rcodeOf(packet) === NXDOMAIN) return { status: "nxdomain", ttlSeconds } as const;
  if (soa !== undefined) return { status: "nodata", ttlSeconds } as const;
  // Name servers and no SOA is a referral ("ask them"), which a server that does
  // not recurse gives for every name: taken for NODATA it would deny the record.
  const isReferral = authorities.some((record) => record.type === "NS");
  return isReferral || links > 0 ? undefined : ({ status: "nodata", ttlSeconds } as const);
}

type Chain = { name: Domain; links: number; ttlSeconds: number };

/** From the asked name along the reply's CNAMEs. `undefined`: a loop, or as good as one. RFC 1034 section 3.6.2. */
function followChain(question: Question, answers: Answer[]): Chain | undefined {
  const chain: Chain = { name: question.name, links: 0, ttlSeconds: MOST_TTL_SECONDS };
  for (;;) {
    const alias = answers.find((record) => record.type === "CNAME" && lower(record.name) === chain.name);
    if (alias?.type !== "CNAME") return chain;
    if (chain.links >= MOST_LINKS) return undefined;
    chain.name = lower(alias.data);
    chain.links += 1;
    chain.ttlSeconds = Math.min(chain.ttlSeconds, ttlOf(alias));
  }
}

function follow(chain: Chain, authentic: boolean): Reading {
  const name = toQueryName(chain.name);
  // A name of the DNS, so it may be there; but not one that is asked here.
  if (name === undefined) return failed("bad-name", "the CNAME chain leads to a name that is no host name");
  return { kind: "follow", ...chain, name, authentic };
}

function isReplyTo(head: DecodedPacket, question: Question, id: number): boolean {
  const [asked, ...more] = head.questions ?? [];
  return (
    head.type === "response" &&
    head.id === id &&
    opcodeOf(head) === 0 &&
    more.length === 0 &&
    asked?.type === question.type &&
    asked.class === "IN" &&
    lower(asked.name) === question.name
  );
}

/** Header and question. dns-packet reads as many records as the header counts, so the counts are set to nothing. */
function decodeHead(bytes: Buffer): DecodedPacket | undefined {
  const longest = 12 + 255 + 4;
  const head = Buffer.from(bytes.subarray(0, longest));
  if (head.length < 12 || head.readUInt16BE(4) !== 1) return undefined;
  return decodeWhole(head.fill(0, 6, 12));
}

function decodeWhole(bytes: Buffer): DecodedPacket | undefined {
  try {
    const packet = decode(bytes);
    // dns-packet goes on past the end: half an address becomes `192.0.undefined.undefined`,
    // half a text a shorter text.
    return decode.bytes <= bytes.length ? packet : undefined;
  } catch {
    return undefined;
  }
}

const lower = (name: string) => name.toLowerCase();
const isAtOrAbove = (zone: string, name: string) => zone === "." || name === zone || name.endsWith(`.${zone}`);
const isInternet = (record: Answer) => record.type !== "OPT" && record.class === "IN";
const rcodeOf = (packet: DecodedPacket) => (packet.flags ?? 0) & 0xf;
const opcodeOf = (packet: DecodedPacket) => ((packet.flags ?? 0) >> 11) & 0xf;

/** RFC 2181 section 8: a TTL with its highest bit set counts as zero. */
function ttlOf(record: Answer): number {
  const ttl = record.type === "OPT" ? 0 : (record.ttl ?? 0);
  return ttl > 0x7fff_ffff ? 0 : ttl;
}

const RCODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
const describeRcode = (rcode: number) => RCODES[rcode] ?? `error code ${rcode}`;
const failureOf = (rcode: number): DnsFailure => (RCODES[rcode] === "REFUSED" ? "refused" : "servfail");

const failed = (why: DnsFailure, detail: string): Reading => ({
  kind: "answer",
  answer: { kind: "unknown", why, detail },
});
