/**
 * Whether a domain's new policy protects less than the one before it. An
 * operator should see it: it is what a thief of the policy host would do first.
 * RFC 8461 section 10.2 has the attack; the comparison is ours.
 */
import type { Policy } from "./answer.ts";

const STRENGTH = { enforce: 2, testing: 1, none: 0 };

/** In words what is weaker; `undefined` when nothing is. */
export function weakening(before: Policy, after: Policy): string | undefined {
  // What asked for nothing cannot become weaker.
  if (before.mode === "none") return undefined;
  if (after.mode === "none") return `mode goes from ${before.mode} to none`;
  const found = [...weakerMode(before, after), ...otherHosts(before, after), ...shorterLife(before, after)];
  return found.length > 0 ? found.join("; ") : undefined;
}

function weakerMode(before: Policy, after: Policy): string[] {
  if (STRENGTH[after.mode] >= STRENGTH[before.mode]) return [];
  return [`mode goes from ${before.mode} to ${after.mode}`];
}

// A host less may stop mail, a host more may receive what it could not before.
function otherHosts(before: Policy, after: Policy): string[] {
  const gone = before.mx.filter((host) => !after.mx.includes(host));
  const added = after.mx.filter((host) => !before.mx.includes(host));
  return [
    ...(gone.length > 0 ? [`mx no longer permitted: ${gone.join(", ")}`] : []),
    ...(added.length > 0 ? [`mx newly permitted: ${added.join(", ")}`] : []),
  ];
}

function shorterLife(before: Policy, after: Policy): string[] {
  if (after.maxAgeSeconds >= before.maxAgeSeconds) return [];
  return [`max_age falls from ${before.maxAgeSeconds} to ${after.maxAgeSeconds} seconds`];
}
