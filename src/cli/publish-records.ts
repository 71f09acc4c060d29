/**
 * Shows the DNS records for the policies of our domains.
 */
import type { Config } from "../config/config.ts";
import { currentPolicy } from "../publish/policies.ts";
import type { PublishedPolicy } from "../publish/published-policy.ts";
import { type DnsRecord, recordsFor } from "../publish/records.ts";
import { zoneLines } from "../publish/zone-file.ts";
import { createNetwork } from "../relay/protocols.ts";
import { reachedAtOf, reportsToOf } from "../relay/publications.ts";
import { EXIT } from "./exit-codes.ts";
import { loadPublications } from "./publications.ts";

type DomainRecords = { published: PublishedPolicy; records: DnsRecord[]; reportsTo: string[] };

/** Answers with the exit code. */
export async function showRecords(options: {
  config: string | undefined;
  domain: string | undefined;
  json: boolean;
}): Promise<number> {
  const { config, publications } = await loadPublications(options.config, options.domain);
  const { dns } = await createNetwork(config);
  const states = await Promise.all(publications.map((publication) => currentPolicy(publication, dns)));
  const shown: DomainRecords[] = [];
  for (const state of states) {
    if (state.kind === "policy") shown.push(recordsOf(config, state.published));
    else process.stderr.write(`sts-relay publish records: ${state.domain}: ${state.detail}\n`);
  }
  process.stdout.write(
    options.json ? `${JSON.stringify(shown.map(asJson), undefined, 2)}\n` : shown.map(asZone).join("\n"),
  );
  return shown.length === states.length ? EXIT.ok : EXIT.unavailable;
}

function recordsOf(config: Config, published: PublishedPolicy): DomainRecords {
  const { domain, id } = published;
  const reportsTo = reportsToOf(config, domain);
  return { published, reportsTo, records: recordsFor({ domain, id, reachedAt: reachedAtOf(config), reportsTo }) };
}

function asZone({ published, records, reportsTo }: DomainRecords): string {
  const { domain, policy } = published;
  const hosts = policy.mx.length === 0 ? "" : `, mx ${policy.mx.join(" ")}`;
  const head = `; ${domain}: mode ${policy.mode}, max_age ${policy.maxAgeSeconds}${hosts}`;
  const note = reportsTo.length === 0 ? ["; no _smtp._tls record: publish.reportsTo says where TLS reports go"] : [];
  return [head, ...zoneLines(records), ...note, ""].join("\n");
}

function asJson({ published, records }: DomainRecords) {
  const { domain, id, policy, text } = published;
  return { domain, id, policy, text, records };
}
