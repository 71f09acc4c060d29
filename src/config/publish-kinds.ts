/**
 * The kinds of value that only the settings under `publish` hold.
 */
import { isIP } from "node:net";
import type { Domain } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";
import { readReportRecords } from "../tlsrpt/record.ts";
import { formatReportRecord } from "../tlsrpt/record-text.ts";
import { show } from "./kinds.ts";
import { kind } from "./setting.ts";

/** Hosts as a policy lists them, or `dns` for those of the MX records. RFC 8461 section 3.2. */
export const policyHosts = () =>
  kind<"dns" | Domain[]>("dns, or a list of host names like mx1.example.com and *.mail.example.com", (input) => {
    if (input === "dns") return { value: input };
    if (!Array.isArray(input)) return { wrong: `${show(input)} is not valid` };
    // A policy without hosts would stop all mail under enforce, and is none otherwise.
    if (input.length === 0) return { wrong: "the list is empty" };
    const hosts = new Set<Domain>();
    for (const item of input as unknown[]) {
      const pattern = typeof item === "string" ? toPattern(item) : undefined;
      if (pattern === undefined) return { wrong: `${show(item)} is not a host name` };
      hosts.add(pattern);
    }
    return { value: [...hosts] };
  });

export type HostOrAddresses = { name: Domain } | { addresses: string[] };

export const hostOrAddresses = () =>
  kind<HostOrAddresses>("a host name, an IP address or a list of IP addresses", (input) => {
    const items: unknown[] = Array.isArray(input) ? input : [input];
    const addresses = items.filter((item) => typeof item === "string" && isIP(item) !== 0) as string[];
    if (addresses.length > 0 && addresses.length === items.length) return { value: { addresses } };
    const name = typeof input === "string" ? toDomain(input) : undefined;
    return name === undefined ? { wrong: `${show(input)} is not valid` } : { value: { name } };
  });

/** A URI for the `rua` field. RFC 8460 section 3. */
export const reportAddress = () =>
  kind("an address like mailto:tls-reports@example.com or https://reports.example.com/tls", (input) =>
    typeof input === "string" && isReportUri(input) ? { value: input } : { wrong: `${show(input)} is not valid` },
  );

/** As the relay itself would read it from a record: what it would pass over, others do too. */
const isReportUri = (text: string) =>
  /^[!-~]+$/.test(text) && readReportRecords([formatReportRecord([text])]).kind === "record";

function toPattern(text: string): Domain | undefined {
  const isWildcard = text.startsWith("*.");
  const domain = toDomain(isWildcard ? text.slice(2) : text);
  return domain === undefined || !isWildcard ? domain : `*.${domain}`;
}
