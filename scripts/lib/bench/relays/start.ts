/** From the name of a relay to a running one. */
import { startBareParts } from "./bare-parts.ts";
import type { PostfixVariant, RelayName, RunningRelay, Surroundings } from "./kind.ts";
import { startPostfix } from "./postfix.ts";
import { startStsRelay } from "./sts-relay.ts";

export function startRelay(
  name: RelayName,
  surroundings: Surroundings,
  enforcesPolicies: boolean,
): Promise<RunningRelay> {
  const processes = processesOf(name);
  if (processes !== undefined) return startStsRelay(processes, surroundings);
  if (name === "parts") return startBareParts(surroundings, enforcesPolicies);
  return startPostfix(name.slice("postfix:".length) as PostfixVariant, surroundings, enforcesPolicies);
}

/** `undefined` for what is not this relay. */
export function processesOf(name: RelayName): number | undefined {
  return name.startsWith("relay:") ? Number(name.slice("relay:".length)) : undefined;
}
