/** Shows, refreshes and forgets cached policies. */
import type { Domain } from "../dns/answer.ts";
import { createEvents } from "../observe/events.ts";
import { createLog } from "../observe/log.ts";
import { createPolicyService, type PolicyDetails, type PolicyView } from "../operate/policies.ts";
import { describeRefresh, hasFetched } from "../operate/refresh-words.ts";
import { fromNow, timeText } from "../operate/rough-time.ts";
import { refreshPolicyNow } from "../relay/refresh-policy.ts";
import { createPolicyAdmin } from "../store/policy-admin.ts";
import { EXIT } from "./exit-codes.ts";
import { type Column, printable, renderColumns, widthOf } from "./terminal.ts";
import { withStore } from "./with-store.ts";

type Where = { config?: string };

/** Answers with the exit code. */
export function listPolicies(where: Where, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const policies = await createPolicyService({ admin: createPolicyAdmin(connection), now: Date.now }).list();
    if (json) print(asJson({ policies }));
    else if (policies.length === 0) print("No policy is cached.\n");
    else print(renderColumns(policies, columns(Date.now()), widthOf(process.stdout)));
    return policies.length === 0 ? EXIT.failed : EXIT.ok;
  });
}

const columns = (now: number): Column<PolicyView>[] => [
  { title: "domain", cell: ({ domain }) => domain },
  {
    title: "mode",
    cell: ({ mode, state }) => (state === "in force" ? (mode ?? "") : `${mode ?? ""} (${state})`.trim()),
  },
  { title: "id", cell: ({ id = "" }) => id, flexible: true },
  { title: "fetched", cell: ({ fetchedAt }) => ago(fetchedAt, now), right: true },
  { title: "expires", cell: ({ expiresAt }) => ago(expiresAt, now), right: true },
  { title: "checked", cell: ({ checkedAt }) => ago(checkedAt, now), right: true },
  { title: "last failure", cell: ({ failure }) => failure?.detail ?? "", flexible: true },
];

const ago = (at: string | undefined, now: number) => (at === undefined ? "" : fromNow(Date.parse(at), now));

/** Answers with the exit code. */
export function showPolicy(where: Where, domain: Domain, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const details = await createPolicyService({ admin: createPolicyAdmin(connection), now: Date.now }).show(domain);
    const isKnown = details.state !== "none" || details.failure !== undefined;
    if (json) print(asJson(details));
    else if (isKnown) print(detailsText(details, Date.now()));
    else process.stderr.write(`sts-relay policy show: no policy of ${domain} is known\n`);
    return isKnown ? EXIT.ok : EXIT.failed;
  });
}

function detailsText(details: PolicyDetails, now: number): string {
  const { domain, state, mode, id, mx = [], text, failure, history } = details;
  const lines: [string, string | undefined][] = [
    ["state", state],
    ["mode", mode],
    ["record id", id],
    ["MX hosts", mx.join(", ") || undefined],
    ["fetched", time(details.fetchedAt, now)],
    ["expires", time(details.expiresAt, now)],
    ["next refresh", time(details.refreshAt, now)],
    ["last check", time(details.checkedAt, now)],
    ["last failure", failure && `${time(failure.at, now)}: ${failure.detail}`],
    ["not before", failure && time(failure.retryAt, now)],
  ];
  const known = lines.filter(([, value]) => value !== undefined);
  const parts = [
    `Policy of ${domain}\n`,
    ...known.map(([label, value = ""]) => `  ${label.padEnd(14)}${printable(value)}\n`),
    ...(text === undefined ? [] : ["\nThe file:\n", ...fileLines(text)]),
    ...(history.length < 2 ? [] : ["\nBefore it, the newest first:\n", ...history.slice(1).map(historyLine)]),
  ];
  return parts.join("");
}

const time = (at: string | undefined, now: number) =>
  at === undefined ? undefined : `${timeText(at)} (${fromNow(Date.parse(at), now)})`;

const fileLines = (text: string) =>
  text
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => `  ${printable(line)}\n`);

const historyLine = ({ fetchedAt, mode, id, mx, maxAgeSeconds }: PolicyDetails["history"][number]) =>
  `  ${timeText(fetchedAt)}  ${mode}, id ${id}, max_age ${maxAgeSeconds}, mx ${mx.join(", ")}\n`;

/** Answers with the exit code. */
export function refreshPolicy(where: Where, domain: Domain, json: boolean): Promise<number> {
  return withStore(where, async (connection, config) => {
    // Standard output is for the answer.
    const events = createEvents(createLog({ level: "warn", format: "auto", destination: process.stderr }));
    const seen = await refreshPolicyNow({ config, connection, events }, domain);
    const service = createPolicyService({ admin: createPolicyAdmin(connection), now: Date.now });
    const [fetched, said] = [hasFetched(seen), describeRefresh(domain, seen)];
    if (json) print(asJson({ fetched, said, policy: await service.show(domain) }));
    else print(`${printable(said)}\n`);
    return fetched ? EXIT.ok : EXIT.failed;
  });
}

/** Answers with the exit code. */
export function forgetPolicy(where: Where, domain: Domain, by: string, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const service = createPolicyService({ admin: createPolicyAdmin(connection), now: Date.now });
    const forgotten = await service.forget(domain, by);
    if (json) print(asJson({ forgotten }));
    else if (forgotten) print(`the policy of ${domain} is not in force any more\n`);
    else process.stderr.write(`sts-relay policy forget: no policy of ${domain} is known\n`);
    return forgotten ? EXIT.ok : EXIT.failed;
  });
}

const asJson = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;
const print = (text: string) => void process.stdout.write(text);
