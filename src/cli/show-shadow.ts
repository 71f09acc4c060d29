/** Shows what `enforce` would have refused, where it does not hold. */
import type { Domain } from "../dns/answer.ts";
import { lastDays, type ShadowVerdict, shadowVerdicts } from "../operate/shadow.ts";
import { createShadowStore } from "../store/shadow.ts";
import { EXIT } from "./exit-codes.ts";
import { type Column, printable, renderColumns, widthOf } from "./terminal.ts";
import { withStore } from "./with-store.ts";

export type ShadowQuestion = { days: number; domain?: Domain; json: boolean };

/** Answers with the exit code. */
export function showShadow(where: { config?: string }, { days, domain, json }: ShadowQuestion): Promise<number> {
  return withStore(where, async (connection) => {
    const counted = await createShadowStore(connection).read(lastDays(days, Date.now()), domain);
    const verdicts = shadowVerdicts(counted);
    if (json) print(`${JSON.stringify({ days, domains: verdicts }, undefined, 2)}\n`);
    else if (verdicts.length === 0) print("No mail was counted.\n");
    else if (domain === undefined) print(renderColumns(verdicts, columns, widthOf(process.stdout)));
    else print(verdicts.map(details).join("\n"));
    return verdicts.length === 0 ? EXIT.failed : EXIT.ok;
  });
}

const columns: Column<ShadowVerdict>[] = [
  { title: "domain", cell: ({ domain }) => domain },
  { title: "under enforce", cell: ({ ready }) => (ready ? "ready" : "would fail") },
  { title: "messages", cell: ({ messages }) => String(messages), right: true },
  { title: "refused", cell: ({ refused }) => (refused === 0 ? "" : String(refused)), right: true },
  { title: "most often because", cell: ({ why }) => why[0]?.what ?? "", flexible: true },
];

function details({ domain, messages, refused, why, ready }: ShadowVerdict): string {
  const verdict = ready ? "ready to enforce" : `enforce would have refused ${refused} of them`;
  const reasons = why.map(({ what, messages: count }) => `  ${String(count).padStart(6)}  ${printable(what)}\n`);
  return `${domain}: ${messages} ${messages === 1 ? "message" : "messages"}, ${verdict}\n${reasons.join("")}`;
}

const print = (text: string) => void process.stdout.write(text);
