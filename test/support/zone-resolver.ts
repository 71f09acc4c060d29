/** A resolver over records as data. A name that is not among them does not exist. */
import type { Address, AskOptions, DnsAnswer, Domain, MxRecord, Resolver } from "../../src/dns/answer.ts";

type Records = {
  /** Preference and exchange. */
  mx?: [number, Domain][] | "servfail";
  /** A and AAAA, told apart by their form. */
  addresses?: string[] | "servfail";
};

export type ZoneResolver = Resolver & {
  /** In order. */
  asked: { type: "mx" | "addresses" | "txt"; name: Domain; fresh: boolean }[];
};

export function createZoneResolver(zone: Record<Domain, Records>): ZoneResolver {
  const asked: ZoneResolver["asked"] = [];
  const answer = <T>(
    type: "mx" | "addresses",
    name: Domain,
    options: AskOptions | undefined,
    records: T[] | "servfail" | undefined,
  ): Promise<DnsAnswer<T>> => {
    asked.push({ type, name, fresh: options?.fresh === true });
    return Promise.resolve(toAnswer(name, records, name in zone));
  };
  return {
    asked,
    txt(name, options) {
      asked.push({ type: "txt", name, fresh: options?.fresh === true });
      return Promise.resolve(toAnswer<string>(name, undefined, name in zone));
    },
    mx: (name, options) => answer("mx", name, options, mapped(zone[name]?.mx, toMx)),
    addresses: (name, options) => answer("addresses", name, options, mapped(zone[name]?.addresses, toAddress)),
  };
}

function toAnswer<T>(name: Domain, records: T[] | "servfail" | undefined, exists: boolean): DnsAnswer<T> {
  if (records === "servfail") return { kind: "unknown", why: "servfail", detail: "the servers answer SERVFAIL" };
  if (records !== undefined) return { kind: "found", records, name, ttlSeconds: 60, authentic: false };
  return { kind: "absent", status: exists ? "nodata" : "nxdomain", ttlSeconds: 60, authentic: false };
}

const mapped = <From, To>(records: From[] | "servfail" | undefined, change: (from: From) => To) =>
  Array.isArray(records) ? records.map(change) : records;

const toMx = ([preference, exchange]: [number, Domain]): MxRecord => ({ preference, exchange });
const toAddress = (address: string): Address => ({ address, family: address.includes(":") ? 6 : 4 });
