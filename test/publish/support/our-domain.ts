/** A domain of ours in the lab: its mail host, its certificate, and the DNS records that we are told to set. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab } from "../../../src/lab/lab.ts";
import type { DnsRecord } from "../../../src/publish/records.ts";
import type { SettingsTree } from "../../support/relay.ts";

export const OURS = "ours.test";
export const OUR_MX = `mx.${OURS}`;

/** Where our policy server listens: an address of the lab that it gives to nobody, and the port of policy hosts. */
export function ourPolicyServer(lab: Lab): { host: string; port: number } {
  const [subnet = ""] = lab.settings.allow;
  return { host: subnet.replace(/\d+\/24$/, "250"), port: lab.settings.policyPort };
}

/** The settings to publish a policy with. The certificate's files are in `dir`. */
export async function publishSettings(lab: Lab, dir: string, domain: SettingsTree): Promise<SettingsTree> {
  const { certPem, keyPem } = await lab.authority.issue({ names: [`mta-sts.${OURS}`] });
  const files = { certFile: join(dir, "mta-sts.pem"), keyFile: join(dir, "mta-sts.key") };
  await Promise.all([writeFile(files.certFile, certPem), writeFile(files.keyFile, keyPem)]);
  const server = ourPolicyServer(lab);
  return {
    listeners: [{ ...server, tls: "implicit" }],
    certificates: [files],
    domains: { [OURS]: domain },
    reachedAt: [server.host],
    reportsTo: [`mailto:tls@${OURS}`],
  };
}

/** As an administrator would, at once in force. */
export function setRecords(lab: Lab, records: DnsRecord[]): void {
  const ttl = { ttl: 0 };
  for (const { name, type, value } of records) {
    if (type === "TXT") lab.dns.set(name, type, [[value]], ttl);
    else lab.dns.set(name, type, [value], ttl);
  }
}
