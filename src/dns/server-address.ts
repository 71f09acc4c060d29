/**
 * Where a DNS server is, as text in the configuration and as a value.
 */
import { isIP } from "node:net";

export type ServerAddress = { address: string; port: number };

const DNS_PORT = 53;

/** Reads `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1` or `[2001:db8::1]:53`. `undefined` for anything else, host names too. */
export function parseServer(text: string): ServerAddress | undefined {
  if (isIP(text) !== 0) return { address: text, port: DNS_PORT };
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  const match = bracketed ?? /^([^:]+):(\d{1,5})$/.exec(text);
  const address = match?.[1];
  if (address === undefined || isIP(address) !== (bracketed ? 6 : 4)) return undefined;
  const port = Number(match?.[2] ?? DNS_PORT);
  return port >= 1 && port <= 65_535 ? { address, port } : undefined;
}

/** What is wrong with this entry of `dns.servers`, as a sentence; `undefined` when it is fine. */
export function serverProblem(text: string): string | undefined {
  if (parseServer(text) !== undefined) return undefined;
  return `"${text}" is not a DNS server: write an IP address with or without a port, like 192.0.2.1:53 or [2001:db8::1]:53`;
}

export const formatServer = ({ address, port }: ServerAddress) =>
  isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
