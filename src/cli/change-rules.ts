/** Sets, lists and removes exceptions. */
import type { Config } from "../config/config.ts";
import type { Domain } from "../dns/answer.ts";
import { fromNow, timeText } from "../operate/rough-time.ts";
import { createRuleService, type ExceptionWish } from "../operate/rules.ts";
import { type ExceptionRecord, type OperatorAction, operatorTrail } from "../store/operator-actions.ts";
import { createRuleStore } from "../store/rules.ts";
import { describeExceptionRule } from "../tls/exception.ts";
import { EXIT } from "./exit-codes.ts";
import { type Column, printable, renderColumns, widthOf } from "./terminal.ts";
import { withStore } from "./with-store.ts";

type Where = { config?: string };

/** Answers with the exit code. */
export function setRule(where: Where, wish: ExceptionWish, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const set = await createRuleService({ store: createRuleStore(connection), now: Date.now }).set(wish);
    if ("wrong" in set) {
      process.stderr.write(`sts-relay rule set: ${set.wrong}\n`);
      return EXIT.usage;
    }
    print(json ? asJson(set) : `set: ${sentence(set.exception)}\n`);
    return EXIT.ok;
  });
}

/** Answers with the exit code. */
export function removeRule(where: Where, domain: Domain, by: string, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const removed = await createRuleService({ store: createRuleStore(connection), now: Date.now }).remove(domain, by);
    if (json) print(asJson({ removed: removed ?? null }));
    else if (removed === undefined) process.stderr.write(`sts-relay rule remove: ${domain} has no exception\n`);
    else print(`removed: ${sentence(removed)}\n`);
    return removed === undefined ? EXIT.failed : EXIT.ok;
  });
}

/** Answers with the exit code. */
export function listRules(where: Where, json: boolean): Promise<number> {
  return withStore(where, async (connection, config) => {
    const exceptions = await createRuleService({ store: createRuleStore(connection), now: Date.now }).list();
    const configured = configuredRules(config);
    if (json) print(asJson({ exceptions, configured }));
    else {
      const table = renderColumns(exceptions, exceptionColumns(Date.now()), widthOf(process.stdout));
      print(exceptions.length === 0 ? "No exceptions.\n" : table);
      print(`\nFrom the configuration:\n`);
      print(configured.map(({ domain, rule }) => `  ${domain}: ${rule}\n`).join(""));
    }
    return EXIT.ok;
  });
}

const exceptionColumns = (now: number): Column<ExceptionRecord>[] => [
  { title: "domain", cell: ({ domain }) => domain },
  { title: "rule", cell: ({ what }) => describeExceptionRule(what), flexible: true },
  {
    title: "ends",
    cell: ({ until }) => (until === undefined ? "never" : fromNow(Date.parse(until), now)),
    right: true,
  },
  { title: "author", cell: ({ by }) => by },
  { title: "reason", cell: ({ reason }) => reason, flexible: true },
];

function configuredRules({ domains, mtaSts }: Config): { domain: string; rule: string }[] {
  const own = Object.entries(domains).flatMap(([domain, { mtaSts: rule }]) =>
    rule === undefined ? [] : [{ domain, rule }],
  );
  return [...own, { domain: "all others", rule: mtaSts.rule }];
}

/** Answers with the exit code. */
export function showTrail(where: Where, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const trail = await operatorTrail(connection.redis);
    print(json ? asJson({ trail }) : trail.map((action) => `${actionWords(action)}\n`).join(""));
    return EXIT.ok;
  });
}

function actionWords(action: OperatorAction): string {
  const at = timeText(action.at);
  switch (action.kind) {
    case "rule-set":
      return `${at}  ${printable(action.by)} set ${sentence(action.exception)}`;
    case "rule-removed":
      return `${at}  ${printable(action.by)} removed ${sentence(action.exception)}`;
    case "rule-ended":
      return `${at}  ended: ${sentence(action.exception)}`;
    case "policy-forgotten":
      return `${at}  ${printable(action.by)} had the policy of ${action.domain} forgotten`;
  }
}

function sentence({ domain, what, until, reason }: ExceptionRecord): string {
  const end = until === undefined ? "until it is taken back" : `until ${timeText(until)}`;
  return printable(`${domain}, ${describeExceptionRule(what)}, ${end} (${reason})`);
}

const asJson = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;
const print = (text: string) => void process.stdout.write(text);
