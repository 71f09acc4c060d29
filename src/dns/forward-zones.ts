/**
 * Which servers a name is asked of: those of its forward zone, or the usual
 * ones. The longest zone wins.
 */
import type { Domain } from "./answer.ts";
import { toQueryName } from "./name.ts";
import { parseServer, serverProblem, type ServerAddress } from "./server-address.ts";

/** Throws a `TypeError` for an entry that cannot be read or a list without entries: both are configuration. */
export function createServerChoice(
  usual: string[],
  zones: Record<Domain, string[]>,
): (name: Domain) => ServerAddress[] {
  const everywhere = readServers(usual, "the DNS");
  const byZone = new Map(
    Object.entries(zones).map(([zone, servers]) => {
      const name = toQueryName(zone);
      if (name === undefined) throw new TypeError(`"${zone}" is not a domain name`);
      return [name, readServers(servers, `the zone ${name}`)];
    }),
  );
  return (name) => {
    const labels = name.split(".");
    for (let from = 0; from < labels.length; from++) {
      const servers = byZone.get(labels.slice(from).join("."));
      if (servers !== undefined) return servers;
    }
    return everywhere;
  };
}

function readServers(texts: string[], what: string): ServerAddress[] {
  if (texts.length === 0) throw new TypeError(`${what} needs at least one server`);
  return texts.map((text) => {
    const server = parseServer(text);
    if (server === undefined) throw new TypeError(serverProblem(text));
    return server;
  });
}
