/**
 * Shows how what is live of our domains' policies compares with what should be.
 */
import type { Config } from "../config/config.ts";
import { type Finding, findingsOf } from "../publish/findings.ts";
import { lookAt, type LookParts } from "../publish/live.ts";
import { currentPolicy } from "../publish/policies.ts";
import type { Publication, PublishedPolicy } from "../publish/published-policy.ts";
import { createNetwork } from "../relay/protocols.ts";
import { reportsToOf } from "../relay/publications.ts";
import { openSession } from "../smtp/session.ts";
import { EXIT } from "./exit-codes.ts";
import { loadPublications } from "./publications.ts";
import { printable } from "./terminal.ts";

export type PublishCheck = {
  config: string | undefined;
  domain: string | undefined;
  json: boolean;
  /** The mail hosts alone. */
  mx: boolean;
  strict: boolean;
};

type Checked = { domain: string; published?: PublishedPolicy; findings: Finding[] };

/** For all that is asked of one domain. */
const LIMIT_MS = 90_000;

/** A mail host may take ten minutes over a reply; here somebody sits and waits. */
const MOST_WAIT_MS = 30_000;

/** Answers with the exit code. */
export async function checkPublished(options: PublishCheck): Promise<number> {
  const { checked, exitCode } = await checkDomains(options);
  process.stdout.write(
    options.json ? `${JSON.stringify(checked.map(asJson), undefined, 2)}\n` : checked.map(asText).join("\n"),
  );
  return exitCode;
}

/** As `checkPublished`, and shows nothing. */
export async function checkDomains(
  options: Omit<PublishCheck, "json">,
): Promise<{ checked: Checked[]; exitCode: number }> {
  const { config, publications } = await loadPublications(options.config, options.domain);
  const parts = await lookParts(config);
  const checked: Checked[] = [];
  // One after the other: they often share their hosts.
  for (const publication of publications) checked.push(await checkOne(config, parts, publication, options));
  const kinds = new Set(checked.flatMap(({ findings }) => findings.map(({ kind }) => kind)));
  if (kinds.has("wrong")) return { checked, exitCode: EXIT.checkError };
  return { checked, exitCode: kinds.has("doubt") ? EXIT.checkWarning : EXIT.ok };
}

async function checkOne(
  config: Config,
  parts: LookParts,
  publication: Publication,
  options: Pick<PublishCheck, "mx" | "strict">,
): Promise<Checked> {
  const { domain } = publication;
  const state = await currentPolicy(publication, parts.dns);
  if (state.kind === "unavailable") {
    const todo = `Look at the MX records of ${domain}, or list its hosts in publish.domains.`;
    return { domain, findings: [{ about: "policy", kind: "wrong", says: state.detail, todo }] };
  }
  const { published } = state;
  const limit = AbortSignal.timeout(LIMIT_MS);
  const live = await lookAt(parts, domain, limit).catch((error: unknown) => {
    if (limit.aborted) return undefined;
    throw error;
  });
  if (live === undefined) {
    const says = `no end of it within ${LIMIT_MS / 1000} s: DNS, policy host or mail hosts are too slow`;
    return { domain, published, findings: [{ about: "policy", kind: "wrong", says }] };
  }
  const wanted = { published, fromDns: publication.mx === "dns", reportsTo: reportsToOf(config, domain) };
  const findings = findingsOf(wanted, live, options.strict).filter(({ about }) => !options.mx || about === "mx");
  return { domain, published, findings };
}

async function lookParts(config: Config): Promise<LookParts> {
  const { dns, guard, fetchPolicy, trust } = await createNetwork(config);
  const { port, ipv6, connectTimeoutMs, commandTimeoutMs } = config.delivery;
  const atMost = (ms: number) => Math.min(ms, MOST_WAIT_MS);
  return {
    dns,
    guard,
    fetchPolicy,
    openSession,
    secureContext: trust.strict,
    hostname: config.hostname,
    port,
    ipv6,
    limits: {
      setupTimeoutMs: atMost(connectTimeoutMs),
      commandTimeoutMs: atMost(commandTimeoutMs),
      dataTimeoutMs: atMost(commandTimeoutMs),
    },
    now: Date.now,
  };
}

const MARKS: Record<Finding["kind"], string> = { ok: "ok", doubt: "warning", wrong: "WRONG" };

function asText({ domain, published, findings }: Checked): string {
  const head = published === undefined ? domain : `${domain}: mode ${published.policy.mode}, id ${published.id}`;
  const lines = findings.flatMap(({ kind, about, says, todo }) => [
    // It may quote what a server said.
    `  ${MARKS[kind].padEnd(8)}${about.padEnd(8)} ${printable(says)}`,
    ...(todo === undefined ? [] : [`${" ".repeat(19)}${printable(todo)}`]),
  ]);
  return [head, ...lines, ""].join("\n");
}

function asJson({ domain, published, findings }: Checked) {
  return { domain, ...(published === undefined ? {} : { mode: published.policy.mode, id: published.id }), findings };
}
