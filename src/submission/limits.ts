/**
 * How much of the relay strangers may hold at a time: connections, in all and
 * from one client, and memory for messages that are still arriving.
 * RFC 5321 section 7.8.
 */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import type { Reply } from "./reply.ts";

export type ConnectionLimits = { connections: number; connectionsPerClient: number };

export type Admission = {
  /** Counts the connection in, or says why not. `leave` is called when it has closed; again is harmless. */
  enter(
    address: string,
  ): { kind: "admitted"; leave: () => void } | { kind: "refused"; why: "all" | "client"; reply: Reply };
};

export function createAdmission(limits: () => ConnectionLimits): Admission {
  const byClient = new Map<string, number>();
  let all = 0;

  function leaveOf(client: string): () => void {
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      all -= 1;
      const left = (byClient.get(client) ?? 1) - 1;
      if (left === 0) byClient.delete(client);
      else byClient.set(client, left);
    };
  }

  return {
    enter: (address) => {
      const { connections, connectionsPerClient } = limits();
      const client = clientKey(address);
      const held = byClient.get(client) ?? 0;
      // First: a client with too many must not push others out.
      if (held >= connectionsPerClient) return refused("client", "Too many connections from your address");
      if (all >= connections) return refused("all", "Too many connections, try again later");
      all += 1;
      byClient.set(client, held + 1);
      return { kind: "admitted", leave: leaveOf(client) };
    },
  };
}

function refused(why: "all" | "client", text: string): { kind: "refused"; why: "all" | "client"; reply: Reply } {
  return { kind: "refused", why, reply: { code: 421, status: "4.7.0", text } };
}

/**
 * What counts as one client: an IPv4 address, or an IPv6 /64, of which one host
 * has all addresses to itself. RFC 4291 section 2.5.1, RFC 7934.
 */
export function clientKey(address: string): string {
  // In the one way of writing it there is; or no address at all.
  if (isIP(address) !== 6) return address;
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  return `${parsed.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(":")}::/64`;
}

/**
 * Memory for messages on their way in, shared by all listeners of a process. Counted
 * are bytes received; with the copy that goes to the queue a message takes twice that.
 */
export type ByteBudget = {
  /** False, and nothing taken, when there are not that many left. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
};

export function createByteBudget(maxBytes: () => number): ByteBudget {
  let taken = 0;
  return {
    take: (bytes) => {
      if (taken + bytes > maxBytes()) return false;
      taken += bytes;
      return true;
    },
    giveBack: (bytes) => {
      taken -= bytes;
    },
  };
}
