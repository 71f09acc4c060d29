/**
 * The addresses of a host on the web that may be connected to, for those who
 * fetch from or post to a place that a stranger named. What is checked here is
 * handed to the connection itself: asked twice, the DNS could answer twice.
 */
import { isIP, type LookupFunction } from "node:net";
import type { AddressGuard } from "./address-guard.ts";
import type { Address, Domain, Resolver } from "./answer.ts";

export type CheckedAddresses =
  | { kind: "addresses"; addresses: Address[] }
  /** `detail` in plain words, to follow on the host's name. */
  | { kind: "none"; why: "absent" | "unknown" | "refused"; detail: string };

/** @param host a name, or an address without brackets, which is checked like any other */
export async function checkedAddresses(
  host: Domain,
  { dns, guard }: { dns: Resolver; guard: AddressGuard },
  signal: AbortSignal,
): Promise<CheckedAddresses> {
  const found = await addressesOf(host, dns, signal);
  if (found.kind === "none") return found;
  const refused: string[] = [];
  const addresses = found.addresses.filter(({ address }) => {
    const verdict = guard(address);
    if (!verdict.allowed) refused.push(verdict.why);
    return verdict.allowed;
  });
  if (addresses.length > 0) return { kind: "addresses", addresses };
  return none("refused", `none of its addresses may be connected to: ${refused.slice(0, 4).join("; ")}`);
}

async function addressesOf(host: Domain, dns: Resolver, signal: AbortSignal): Promise<CheckedAddresses> {
  const family = isIP(host);
  if (family === 4 || family === 6) return { kind: "addresses", addresses: [{ address: host, family }] };
  const answer = await dns.addresses(host, { signal });
  if (answer.kind === "absent") return none("absent", "it has no address");
  if (answer.kind === "unknown") return none("unknown", `its address could not be found out (${answer.why})`);
  return { kind: "addresses", addresses: answer.records };
}

const none = (why: "absent" | "unknown" | "refused", detail: string) => ({ kind: "none", why, detail }) as const;

/** For the option `lookup` of a connection: these addresses, whatever is asked. */
export function lookupIn(addresses: Address[]): LookupFunction {
  return (_host, options, callback) => {
    const first = addresses[0]?.address ?? "";
    process.nextTick(() => (options.all ? callback(null, addresses) : callback(null, first, addresses[0]?.family)));
  };
}
