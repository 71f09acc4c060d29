/**
 * The answers for A and AAAA as one. Pure.
 */
import type { Address, DnsAnswer } from "./answer.ts";

/**
 * `found` when either family has an address, even if the other could not be
 * found out: mail can be delivered. `absent` only when both are.
 */
export function joinFamilies(v4: DnsAnswer<Address>, v6: DnsAnswer<Address>): DnsAnswer<Address> {
  const known = [v4, v6].filter((answer) => answer.kind !== "unknown");
  const found = known.filter((answer) => answer.kind === "found");
  const ttlSeconds = Math.min(...known.map((answer) => answer.ttlSeconds));
  const authentic = known.every((answer) => answer.authentic);
  const [first] = found;
  if (first !== undefined) {
    const records = found.flatMap((answer) => answer.records);
    return { kind: "found", records, name: first.name, ttlSeconds, authentic };
  }
  if (v4.kind === "unknown") return v4;
  if (v6.kind === "unknown") return v6;
  // NXDOMAIN is about the name, not the type; where the two disagree, the name is there.
  const status = known.every((answer) => answer.kind === "absent" && answer.status === "nxdomain")
    ? "nxdomain"
    : "nodata";
  return { kind: "absent", status, ttlSeconds, authentic };
}
