/**
 * The exceptions that operators set while the relay runs, joined to the log, to
 * webhooks, and to the mail that waits under them.
 */
import type { Events } from "../observe/events.ts";
import { openRuleBook, type RuleBook } from "../operate/rule-book.ts";
import type { StoreConnection } from "../store/connection.ts";
import { fromRecord, type OperatorAction } from "../store/operator-actions.ts";
import { createRuleStore } from "../store/rules.ts";
import { wakeDomains } from "../store/wake.ts";
import type { Tell } from "./webhooks.ts";

type Parts = { connection: StoreConnection; events: Events; tell: Tell };

/** Rejects with a `StoreError` while Redis is away: no mail may go out before the exceptions are known. */
export async function openRules(parts: Parts, stack: AsyncDisposableStack): Promise<RuleBook> {
  const { connection, events } = parts;
  const book = await openRuleBook({
    store: createRuleStore(connection),
    now: Date.now,
    onAction: (action) => tellAction(parts, action),
    onChange: (domains, signal) => wakeDomains(connection.redis, domains, { now: Date.now(), signal }),
    onFault: (err) => events.fault({ where: "rules", err }),
  });
  stack.defer(() => book.close());
  return book;
}

function tellAction({ events, tell }: Parts, action: OperatorAction): void {
  if (action.kind === "policy-forgotten") return events.policyForgotten({ domain: action.domain, by: action.by });
  const { kind, exception: record } = action;
  const exception = fromRecord(record);
  switch (kind) {
    case "rule-set":
      events.ruleSet({ by: action.by, exception });
      break;
    case "rule-removed":
      events.ruleRemoved({ by: action.by, exception });
      break;
    case "rule-ended":
      events.ruleEnded({ exception });
  }
  tell(kind, { exception: record, ...("by" in action ? { by: action.by } : {}) });
}
