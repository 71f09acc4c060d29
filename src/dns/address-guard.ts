/**
 * Which addresses the relay may connect to: the public ones, and the ranges that
 * the configuration opens. Whoever runs a domain chooses the addresses of its
 * hosts; without this check their DNS could aim the relay at our own network.
 */
import { isIP, isIPv6 } from "node:net";
import ipaddr, { type IPv4, type IPv6 } from "ipaddr.js";
import { recollected } from "../memory/recollected.ts";

export type AddressGuard = (address: string) => { allowed: true } | { allowed: false; why: string };

/**
 * `allow` opens ranges, in CIDR form. Throws a `TypeError` for one that `cidrProblem`
 * finds fault with.
 */
export function createAddressGuard({ allow }: { allow: string[] }): AddressGuard {
  const ranges = allow.map(readCidr);
  return recollected((text) => {
    // ipaddr.js also reads `1` and `0x7f.1` as addresses. A zone id names an
    // interface of this machine: such an address is never a stranger's host.
    if (isIP(text) === 0 || text.includes("%")) return refuse(`"${text}" is not an IP address`);
    const address = ipaddr.process(inHexadecimal(text)); // ::ffff:127.0.0.1 becomes 127.0.0.1
    if (isPublic(address) || ranges.some((range) => contains(range, address))) return { allowed: true };
    return refuse(
      `${address.toString()} is not a public address (${kindOf(address)}), and network.allow does not open it`,
    );
  });
}

/** What is wrong with this entry of a list of CIDRs, as a sentence; `undefined` when it is fine. A bare address stands for itself. */
export function cidrProblem(text: string): string | undefined {
  const [address = "", prefix, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || address.includes("%") || more.length > 0) {
    return `"${text}" is not a network: write an IP address and a prefix length, like 10.0.0.0/8 or fd00::/8`;
  }
  if (family === 6 && ipaddr.parse(address).range() === "ipv4Mapped") {
    return `"${text}" is an IPv4 network in IPv6 form: write it as IPv4`;
  }
  const longest = family === 4 ? 32 : 128;
  if (prefix !== undefined && !(/^\d{1,3}$/.test(prefix) && Number(prefix) <= longest)) {
    return `"${text}" has no valid prefix length: for IPv${family} it is 0 to ${longest}`;
  }
  return undefined;
}

// ipaddr.js takes `::8.8.8.8`, which is an address of its own (RFC 4291 section
// 2.5.5.1), for `::ffff:8.8.8.8`. The URL parser writes both without dots.
const inHexadecimal = (text: string) => (isIPv6(text) ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text);

type Range = [IPv4 | IPv6, number];

function readCidr(text: string): Range {
  const problem = cidrProblem(text);
  if (problem !== undefined) throw new TypeError(problem);
  if (text.includes("/")) return ipaddr.parseCIDR(text);
  return [ipaddr.parse(text), isIPv6(text) ? 128 : 32];
}

function contains([network, prefix]: Range, address: IPv4 | IPv6): boolean {
  return network.kind() === address.kind() && address.match(network, prefix);
}

function isPublic(address: IPv4 | IPv6): boolean {
  return address.range() === "unicast" && (address.kind() === "ipv4" || isGlobalUnicast(address));
}

const GLOBAL_UNICAST = ipaddr.parseCIDR("2000::/3");

// The rest of IPv6 is not given out, but `::127.0.0.1` and the like lie in it,
// and ipaddr.js has no name for them. RFC 4291 sections 2.4 and 2.5.5.1.
const isGlobalUnicast = (address: IPv4 | IPv6) => contains(GLOBAL_UNICAST, address);

const kindOf = (address: IPv4 | IPv6) => (address.range() === "unicast" ? "not given out" : address.range());

const refuse = (why: string) => ({ allowed: false, why }) as const;
