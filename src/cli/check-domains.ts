/**
 * Checks domains as the relay of this configuration would meet them, and prints
 * what was found, in the order in which they were named.
 */
import type { CheckDomain, CheckParts } from "../check/check.ts";
import { worstOf } from "../check/finding.ts";
import { checkAsJson } from "../check/json.ts";
import { renderReport } from "../check/report.ts";
import type { CheckResult } from "../check/result.ts";
import type { Config } from "../config/config.ts";
import { domainRule } from "../config/domain-rule.ts";
import { withException } from "../delivery/domain-rules.ts";
import { toDomain } from "../dns/name.ts";
import { createChecks } from "../relay/checks.ts";
import { createNetwork } from "../relay/protocols.ts";
import { StartError } from "../relay/start-error.ts";
import { createPolicyStore } from "../store/policy-store.ts";
import { StoreError } from "../store/store-error.ts";
import { createRuleStore } from "../store/rules.ts";
import { exitCodeOf } from "./check-exit.ts";
import { EXIT } from "./exit-codes.ts";
import { watchStopSignals } from "./stop-signals.ts";
import { connectStore, usableConfig } from "./with-store.ts";

const DOMAINS_AT_A_TIME = 4;

/** Answers with the exit code. Throws a `StartError` when the configuration is wrong. */
export async function checkDomains(file: string | undefined, names: string[], json: boolean): Promise<number> {
  const domains = names.map((name) => toDomain(name));
  const wrong = names.filter((_, index) => domains[index] === undefined);
  if (wrong.length > 0) {
    process.stderr.write(`sts-relay check: ${JSON.stringify(wrong[0])} is not a domain\n`);
    return EXIT.usage;
  }
  const config = await usableConfig(file);
  using signals = watchStopSignals();
  const stop = new AbortController();
  void signals.first.then(() => stop.abort());
  await using opened = new AsyncDisposableStack();
  const check = await createCheckFor(config, opened);
  try {
    const results = inOrder([...new Set(domains.filter((domain) => domain !== undefined))], check, stop.signal);
    return await print(results, json);
  } catch (error) {
    if (stop.signal.aborted) return EXIT.interrupted;
    throw error;
  }
}

async function createCheckFor(config: Config, stack: AsyncDisposableStack): Promise<CheckDomain> {
  const [network, { cache, exceptions }] = await Promise.all([createNetwork(config), openCache(config, stack)]);
  const ruleOf: CheckParts["ruleOf"] = (domain) =>
    withException(
      domainRule(config, domain),
      exceptions.find((each) => each.domain === domain),
      Date.now(),
    );
  return createChecks(config, { ...network, cache, ruleOf });
}

type Cache = Pick<CheckParts, "cache"> & {
  exceptions: Awaited<ReturnType<ReturnType<typeof createRuleStore>["list"]>>;
};

/** What a relay has in its Redis, where that can be reached; the check does without. */
async function openCache(config: Config, stack: AsyncDisposableStack): Promise<Cache> {
  try {
    const connection = await connectStore(config);
    stack.defer(() => connection.close());
    const exceptions = await createRuleStore(connection).list();
    return { cache: createPolicyStore(connection), exceptions };
  } catch (error) {
    if (!(error instanceof StartError || error instanceof StoreError)) throw error;
    process.stderr.write(`sts-relay check: goes on without what a relay has cached: ${error.message}\n`);
    return { cache: { away: error.message }, exceptions: [] };
  }
}

/** Several at a time; each is handed on as soon as those before it are. */
async function* inOrder(domains: string[], check: CheckDomain, signal: AbortSignal): AsyncGenerator<CheckResult> {
  const running: Promise<CheckResult>[] = [];
  const rest = domains.values();
  const startNext = () => {
    const { value, done } = rest.next();
    if (done === true) return;
    const result = check(value, signal);
    // Met where it is awaited; this one only keeps it from ending the process before.
    result.catch(() => undefined);
    running.push(result);
  };
  for (let started = 0; started < DOMAINS_AT_A_TIME; started++) startNext();
  for (let next = running.shift(); next !== undefined; next = running.shift()) {
    yield await next;
    startNext();
  }
}

async function print(results: AsyncIterable<CheckResult>, json: boolean): Promise<number> {
  const { stdout } = process;
  const options = { width: stdout.columns ?? 80, colour: stdout.isTTY && stdout.hasColors() };
  const all: CheckResult[] = [];
  for await (const result of results) {
    if (!json) stdout.write(`${all.length === 0 ? "" : "\n"}${renderReport(result, options)}`);
    all.push(result);
  }
  const severity = worstOf(all.map((result) => result.severity));
  if (json) stdout.write(`${JSON.stringify({ severity, checks: all.map(checkAsJson) }, undefined, 2)}\n`);
  return exitCodeOf(severity);
}
