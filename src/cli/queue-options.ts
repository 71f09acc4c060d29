/** How the commands of `sts-relay queue` are told which jobs they are about. */
import { toDomain } from "../dns/name.ts";
import type { Selection } from "../operate/selection.ts";
import { CONFIG_OPTION, type Operands, type Values } from "./command.ts";

export const JSON_OPTION = { type: "boolean", says: "print one JSON object on standard output" } as const;

export const STATES = ["waiting", "active", "deferred", "due", "held"] as const;

export const SELECTION_OPTIONS = {
  config: CONFIG_OPTION,
  from: { type: "string", value: "SENDER", says: 'only from this address or domain; "<>" for reports' },
  to: { type: "string", value: "DOMAIN", says: "only to this recipient domain" },
  state: { type: "string", value: "STATE", says: `only these: ${STATES.join(", ")}` },
  json: JSON_OPTION,
} as const;

export const ID_OPERANDS: Operands = { name: "ID", least: 0, most: 1_000 };

/** `ids` are queue ids. Without any restriction all jobs are meant. */
export function readSelection(
  { from, to, state }: Values<typeof SELECTION_OPTIONS>,
  ids: string[],
): { selection: Selection } | { wrong: string } {
  const known = STATES.find((each) => each === state);
  if (state !== undefined && known === undefined) {
    return { wrong: `--state ${state} is none; known: ${STATES.join(", ")}` };
  }
  const domain = to === undefined ? undefined : readDomain(to);
  if (to !== undefined && domain === undefined) return { wrong: `--to ${to} is not a domain` };
  return {
    selection: {
      ...(ids.length === 0 ? {} : { messages: ids }),
      ...(from === undefined ? {} : { from: from === "<>" ? "" : from }),
      ...(domain === undefined ? {} : { to: domain }),
      ...(known === undefined ? {} : { state: known }),
    },
  };
}

/** An address literal stays as it is. */
function readDomain(text: string): string | undefined {
  const bare = text.replace(/^@/, "");
  return /^\[.*\]$/.test(bare) ? bare : toDomain(bare);
}
