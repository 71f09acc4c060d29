/**
 * Which requests a browser may have been talked into by a page of somebody else.
 * They are refused before anything else is looked at: whoever can open a page in
 * an operator's browser must be able neither to change the queue (CSRF) nor to
 * read it under a name of his own that he points here (DNS rebinding).
 */
import { isIP } from "node:net";

export type BrowserFacts = {
  method: string;
  /** The Host field; absent in HTTP/1.0. */
  host: string | undefined;
  /** Fetch Metadata: `same-origin`, `same-site`, `cross-site` or `none`. Programs send none. */
  fetchSite: string | undefined;
  /** `navigate` for a link or a bookmark. */
  fetchMode: string | undefined;
  origin: string | undefined;
};

/** Why it is refused, in words; `undefined` for one that is not. `names`: host names besides localhost. */
export function strangeness(facts: BrowserFacts, names: string[]): string | undefined {
  const host = facts.host === undefined ? undefined : hostOf(facts.host);
  if (host === undefined || !isOurs(host, names)) {
    return "this name does not lead here as far as the relay knows: use localhost or an IP address, or set admin.names";
  }
  const changes = facts.method !== "GET" && facts.method !== "HEAD";
  const site = facts.fetchSite ?? "none";
  const isNavigation = facts.fetchMode === "navigate" && !changes;
  if (site !== "same-origin" && site !== "none" && !isNavigation) return "a page of another site asked for this";
  // Browsers without Fetch Metadata send the origin with whatever can change something.
  if (changes && facts.origin !== undefined && originHost(facts.origin) !== facts.host?.toLowerCase()) {
    return "a page of another site asked for this";
  }
  return undefined;
}

/** An address cannot be pointed elsewhere by its owner: only names can. */
function isOurs(host: string, names: string[]): boolean {
  if (isIP(host) !== 0) return true;
  return host === "localhost" || host.endsWith(".localhost") || names.includes(host);
}

/** Without the port, in lower case; an IPv6 address without its brackets. */
function hostOf(field: string): string | undefined {
  const [, v6, name] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]@/]+))(?::\d{1,5})?$/i.exec(field) ?? [];
  return (v6 ?? name)?.toLowerCase().replace(/\.$/, "");
}

function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
