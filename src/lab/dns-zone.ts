/**
 * What the lab's DNS server knows, and what it says to a question. Values
 * only: the sockets are in dns-server.ts. RFC 1034 section 4.3.2 (the search),
 * RFC 2308 (negative answers), RFC 4592 is not covered: no wildcards.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { Answer, SoaData, TlsaData } from "dns-packet";

/** What `set` takes for each type. */
export type LabRecordData = {
  A: string;
  AAAA: string;
  CNAME: string;
  NS: string;
  MX: { preference: number; exchange: string };
  /** One record: its character-strings, each at most 255 bytes, one character a byte (latin1). */
  TXT: string[];
  TLSA: TlsaData;
  SOA: SoaData;
};

export type LabRecordType = keyof LabRecordData;

/** One question's answer, before it becomes a message. `rcode` is the number of RFC 1035 section 4.1.1. */
export type ZoneAnswer = { rcode: number; answers: Answer[]; authorities: Answer[] };

export const RCODE = { noerror: 0, formerr: 1, servfail: 2, nxdomain: 3, refused: 5 } as const;

const DEFAULT_TTL = 300;
const NEGATIVE_TTL = 60;

export function createZone() {
  const names = new Map<string, Map<string, Answer[]>>();

  const lookUp = (name: string, type: string): Answer[] => names.get(name)?.get(type) ?? [];

  // A name with names below it exists too, without records of its own
  // ("empty non-terminal"). RFC 8020 section 2.
  const exists = (name: string) => names.has(name) || [...names.keys()].some((other) => other.endsWith(`.${name}`));

  return {
    /** Puts these records in the place of the name's records of this type. `[]`: the name exists without any. */
    set<T extends LabRecordType>(name: string, type: T, records: LabRecordData[T][], ttl = DEFAULT_TTL): void {
      const owner = canonicalName(name);
      const types = names.get(owner) ?? new Map<string, Answer[]>();
      types.set(
        type,
        records.map((data) => toAnswer(owner, type, data, ttl)),
      );
      names.set(owner, types);
    },

    /** Takes the records of one type, or the whole name, away. */
    remove(name: string, type?: LabRecordType): void {
      const owner = canonicalName(name);
      if (type === undefined) names.delete(owner);
      else names.get(owner)?.delete(type);
      if (names.get(owner)?.size === 0) names.delete(owner);
    },

    answer(question: string, type: string): ZoneAnswer {
      const { chain, end } = followAliases(canonicalName(question), type, lookUp);
      const records = lookUp(end, type);
      if (records.length > 0) return { rcode: RCODE.noerror, answers: [...chain, ...records], authorities: [] };
      const rcode = exists(end) ? RCODE.noerror : RCODE.nxdomain;
      return { rcode, answers: chain, authorities: [authorityFor(end, lookUp)] };
    },

    /** The answer as if the name did not exist. */
    denial: (question: string): ZoneAnswer => ({
      rcode: RCODE.nxdomain,
      answers: [],
      authorities: [authorityFor(canonicalName(question), lookUp)],
    }),

    /** Only the alias at the name itself, as from a server whose zone ends there: the asker must go on alone. */
    aliasOnly: (question: string): ZoneAnswer => ({
      rcode: RCODE.noerror,
      answers: lookUp(canonicalName(question), "CNAME"),
      authorities: [],
    }),
  };
}

/** Lower case, no trailing dot. The root is `""`. */
export const canonicalName = (name: string) => name.toLowerCase().replace(/\.$/, "");

type LookUp = (name: string, type: string) => Answer[];

/** The CNAME records from `start` on, and the name they end at. A loop ends at the first name met twice. */
function followAliases(start: string, type: string, lookUp: LookUp): { chain: Answer[]; end: string } {
  const chain: Answer[] = [];
  const seen = new Set<string>();
  let end = start;
  while (lookUp(end, type).length === 0 && !seen.has(end)) {
    seen.add(end);
    const alias = lookUp(end, "CNAME")[0];
    if (alias?.type !== "CNAME") break;
    chain.push(alias);
    end = canonicalName(alias.data);
  }
  return { chain, end };
}

/** The nearest SOA that was set at or above the name, or one made up for its last label. RFC 2308 section 3. */
function authorityFor(name: string, lookUp: LookUp): Answer {
  const labels = name.split(".");
  for (let from = 0; from < labels.length; from++) {
    const soa = lookUp(labels.slice(from).join("."), "SOA")[0];
    if (soa !== undefined) return soa;
  }
  const zone = labels.at(-1) ?? "";
  return toAnswer(zone, "SOA", { mname: "ns.test", rname: "hostmaster.test", minimum: NEGATIVE_TTL }, NEGATIVE_TTL);
}

const CHECKS = new Map<LabRecordType, (text: string) => boolean>([
  ["A", isIPv4],
  ["AAAA", isIPv6],
]);

function toAnswer<T extends LabRecordType>(name: string, type: T, data: LabRecordData[T], ttl: number): Answer {
  // dns-packet writes four bytes, or sixteen, whatever the text is.
  const isAddress = CHECKS.get(type);
  if (typeof data === "string" && isAddress?.(data) === false)
    throw new TypeError(`"${data}" is no address for ${type}`);
  const wire = Array.isArray(data) ? data.map(characterString) : data;
  // The type parameter ties `data` to `type`; dns-packet's union cannot say so.
  return { name: name || ".", type, ttl, class: "IN", data: wire } as Answer;
}

// dns-packet writes the length modulo 256: too long a string would become a
// different record without a word.
function characterString(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  if (bytes.length > 255) throw new RangeError(`a character-string holds at most 255 bytes, not ${bytes.length}`);
  if (bytes.toString("latin1") !== text) throw new RangeError("a character-string is latin1: one character a byte");
  return bytes;
}
