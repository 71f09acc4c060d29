/**
 * Which hosts take a domain's mail, and in which order they are tried.
 * RFC 5321 section 5.1 (MX, implicit MX), RFC 7505 (null MX), RFC 8461 section 3.4 (smart hosts).
 */
import { isIP } from "node:net";
import type { Address, AskOptions, Domain, MxRecord, Resolver } from "../dns/answer.ts";
import { type Deferral, deferral, type Failure } from "./outcome.ts";
import type { SmartHost } from "./domain-rules.ts";

export type RouteHost = {
  name: Domain;
  port: number;
  implicitTls: boolean;
  login?: { user: string; password: string };
  /** Known already, for an address in the place of a name; otherwise the name is looked up. */
  addresses?: Address[];
};

export type Route =
  /** `policyDomain` is whose MTA-STS policy counts: the smart host's where there is one. An address has none. */
  | { kind: "hosts"; policyDomain: Domain | undefined; hosts: RouteHost[] }
  /** The domain says that it takes no mail. */
  | { kind: "refused"; failure: Failure }
  /** The DNS knows no such domain. */
  | { kind: "nowhere"; failure: Failure }
  | { kind: "unknown"; deferral: Deferral };

const MOST_HOSTS = 20;

export async function findRoute(
  parts: { dns: Resolver; port: number; random: () => number },
  domain: Domain,
  smartHost: SmartHost | undefined,
  options: AskOptions,
): Promise<Route> {
  if (smartHost !== undefined) return toSmartHost(smartHost);
  const literal = addressOfLiteral(domain);
  if (literal !== undefined) return toLiteral(domain, literal, parts.port);
  const answer = await parts.dns.mx(domain, options);
  if (answer.kind === "unknown") {
    const detail = `the MX records of ${domain} could not be looked up (${answer.detail})`;
    return { kind: "unknown", deferral: deferral("dns", "4.4.3", detail) };
  }
  if (answer.kind === "absent" && answer.status === "nxdomain") {
    return { kind: "nowhere", failure: failed("5.1.2", `the domain ${domain} does not exist`) };
  }
  if (answer.kind === "absent") return implicitMx(parts, domain, options);
  if (isNullMx(answer.records)) {
    return { kind: "refused", failure: failed("5.1.10", `${domain} takes no mail (it has a null MX record)`) };
  }
  const hosts = orderHosts(answer.records, parts.random).map((name) => plainHost(name, parts.port));
  return { kind: "hosts", policyDomain: domain, hosts: hosts.slice(0, MOST_HOSTS) };
}

/** By preference, those of one preference in random order, each name once. RFC 5321 section 5.1. */
export function orderHosts(records: MxRecord[], random: () => number): Domain[] {
  const shuffled = records
    .filter((record) => record.exchange !== "")
    .map((record) => ({ record, chance: random() }))
    .sort((a, b) => a.record.preference - b.record.preference || a.chance - b.chance);
  return [...new Set(shuffled.map(({ record }) => record.exchange))];
}

/** A null MX stands alone. Beside other records it is an error, and they count. RFC 7505 section 3. */
function isNullMx(records: MxRecord[]): boolean {
  return records.every((record) => record.exchange === "");
}

/** A domain without MX records is its own MX host, if it has an address. RFC 5321 section 5.1. */
async function implicitMx(parts: { dns: Resolver; port: number }, domain: Domain, options: AskOptions): Promise<Route> {
  const answer = await parts.dns.addresses(domain, options);
  switch (answer.kind) {
    case "found":
      return { kind: "hosts", policyDomain: domain, hosts: [plainHost(domain, parts.port)] };
    case "absent":
      return { kind: "nowhere", failure: failed("5.1.2", `${domain} has neither MX records nor an address`) };
    case "unknown": {
      const detail = `${domain} has no MX records, and its address could not be looked up (${answer.detail})`;
      return { kind: "unknown", deferral: deferral("dns", "4.4.3", detail) };
    }
  }
}

/** RFC 8461 section 3.4: the policy domain of a smart host is its own name. One that is given by its address has none. */
function toSmartHost({ host, port, tls, login }: SmartHost): Route {
  const address = addressOf(host);
  const entry = {
    name: host,
    port,
    implicitTls: tls === "implicit",
    ...(login === undefined ? {} : { login }),
    ...(address === undefined ? {} : { addresses: [address] }),
  };
  return { kind: "hosts", policyDomain: address === undefined ? host : undefined, hosts: [entry] };
}

function toLiteral(domain: Domain, address: Address, port: number): Route {
  return { kind: "hosts", policyDomain: undefined, hosts: [{ ...plainHost(domain, port), addresses: [address] }] };
}

const plainHost = (name: Domain, port: number): RouteHost => ({ name, port, implicitTls: false });

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]`. RFC 5321 section 4.1.3. */
function addressOfLiteral(domain: string): Address | undefined {
  const inner = /^\[(?:ipv6:)?([^\]]+)\]$/i.exec(domain)?.[1];
  return inner === undefined ? undefined : addressOf(inner);
}

function addressOf(text: string): Address | undefined {
  const family = isIP(text);
  return family === 4 || family === 6 ? { address: text, family } : undefined;
}

const failed = (status: "5.1.2" | "5.1.10", detail: string): Failure => ({
  kind: "failed",
  status,
  detail,
  cause: status === "5.1.2" ? "no-such-domain" : "takes-no-mail",
});
