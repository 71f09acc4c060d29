/**
 * The DNS servers that the machine itself uses.
 */
import { getServers } from "node:dns";
import { formatServer, parseServer } from "./server-address.ts";

/** In `host:port` form, in the system's order. `listed` is for tests. */
export function systemServers(listed: string[] = getServers()): string[] {
  return listed.flatMap((text) => {
    const server = parseServer(text);
    return server === undefined ? [] : [formatServer(server)];
  });
}
