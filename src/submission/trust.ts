/**
 * Who may send through the relay: clients in trusted networks, and those who have
 * logged in. Everyone else would make it an open relay. RFC 5321 section 7.9,
 * RFC 6409 section 3.3.
 */
import { BlockList, isIP, isIPv4 } from "node:net";
import type { Reply } from "./reply.ts";

export type Trust = {
  /** The client's address is in a trusted network; an IPv4 address also in its IPv6 form, `::ffff:192.0.2.1`. */
  includes(address: string): boolean;
};

export type Network = { address: string; prefix: number; family: "ipv4" | "ipv6" };

/** `192.0.2.0/24`, `2001:db8::/32`, or one address. `undefined` for anything else. */
export function parseNetwork(text: string): Network | undefined {
  const [, address = "", digits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) return undefined;
  const longest = version === 4 ? 32 : 128;
  const prefix = digits === undefined ? longest : Number(digits);
  return prefix > longest ? undefined : { address, prefix, family: version === 4 ? "ipv4" : "ipv6" };
}

/** Throws on text that is not a network: the settings were checked before. */
export function createTrust(networks: string[]): Trust {
  const list = new BlockList();
  for (const text of networks) {
    const network = parseNetwork(text);
    if (network === undefined) throw new TypeError(`not a network: ${text}`);
    list.addSubnet(network.address, network.prefix, network.family);
  }
  return {
    includes: (address) => isIP(address) !== 0 && list.check(address, isIPv4(address) ? "ipv4" : "ipv6"),
  };
}

export type Client = { address: string; user: string | undefined; secure: boolean };

/** The refusal of a client that may not send; `undefined` for one that may. */
export function refuseToSend(client: Client, trust: Trust, loginOffered: boolean): Reply | undefined {
  if (client.user !== undefined || trust.includes(client.address)) return undefined;
  if (!loginOffered) return { code: 550, status: "5.7.1", text: "Relaying denied" };
  // RFC 3207 section 4 and RFC 4954 section 6: 530 for both, the text says what to do next.
  const text = client.secure ? "Authentication required" : "Must issue a STARTTLS command first, then authenticate";
  return { code: 530, status: "5.7.0", text };
}
