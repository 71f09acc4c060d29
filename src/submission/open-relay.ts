/**
 * Looks at the settings before anything listens: would strangers be able to send
 * through the relay, or nobody at all?
 */
import { BlockList } from "node:net";
import { type Network, parseNetwork } from "./trust.ts";

export type IntakeSettings = {
  listeners: { host: string; port: number; tls: "starttls" | "implicit" | "none" }[];
  trustedNetworks: string[];
  /** How many users can log in. */
  users: number;
};

/** No one network is larger: 10.0.0.0/8 and fc00::/7. */
const WIDEST = { ipv4: 8, ipv6: 7 };

/** All of IPv4 is a small corner of IPv6, and a client in it counts as IPv4. RFC 4291 section 2.5.5.2. */
const IPV4_MAPPED = { first: "::ffff:0:0", prefix: 96 };

/** Why the relay must not start with these settings, in a sentence for the operator. */
export function openRelayProblem(settings: IntakeSettings): string | undefined {
  return networkProblem(settings.trustedNetworks) ?? loginProblem(settings) ?? unusableListener(settings);
}

function networkProblem(trustedNetworks: string[]): string | undefined {
  for (const text of trustedNetworks) {
    const network = parseNetwork(text);
    if (network === undefined) return `submission.trustedNetworks: "${text}" is not a network like 192.0.2.0/24`;
    if (isTooWide(network)) {
      return `submission.trustedNetworks: "${text}" would let strangers send mail through this relay; name your own networks`;
    }
  }
  return undefined;
}

function loginProblem(settings: IntakeSettings): string | undefined {
  if (settings.users === 0 || settings.listeners.some((listener) => listener.tls !== "none")) return undefined;
  return "submission.users: nobody could log in, since passwords are taken over TLS only; set submission.certificate";
}

/** A listener for other machines from which none may send: the operator has forgotten half of it. */
function unusableListener(settings: IntakeSettings): string | undefined {
  if (!settings.trustedNetworks.every((text) => isLoopback(text))) return undefined;
  const open = settings.listeners.find(
    (listener) => !isLoopback(listener.host) && (settings.users === 0 || listener.tls === "none"),
  );
  if (open === undefined) return undefined;
  return (
    `submission.listeners: ${open.host}:${open.port} is there for other machines, but none of them may send. ` +
    "Set submission.trustedNetworks to the networks of your applications, or submission.users (with TLS) to let " +
    "them log in, or listen on 127.0.0.1"
  );
}

function isTooWide(network: Network): boolean {
  if (network.family === "ipv4") return network.prefix < WIDEST.ipv4;
  const holdsIpv4 = contains(network, IPV4_MAPPED.first) && network.prefix < IPV4_MAPPED.prefix + WIDEST.ipv4;
  return holdsIpv4 || network.prefix < WIDEST.ipv6;
}

function contains(network: Network, address: string): boolean {
  const list = new BlockList();
  list.addSubnet(network.address, network.prefix, network.family);
  return list.check(address, "ipv6");
}

/** Of a host to listen on, or a network to trust. A name other than `localhost` may stand for any address. */
function isLoopback(text: string): boolean {
  if (text.toLowerCase() === "localhost") return true;
  const network = parseNetwork(text);
  if (network === undefined || network.prefix < (network.family === "ipv4" ? 8 : 128)) return false;
  const list = new BlockList();
  list.addSubnet("127.0.0.0", 8, "ipv4");
  list.addAddress("::1", "ipv6");
  return list.check(network.address, network.family);
}
