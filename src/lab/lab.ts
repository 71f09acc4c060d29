/**
 * A small internet on loopback, in one process: an authority, a DNS server,
 * policy hosts and MX hosts. Each host has its own address in one /24, so that
 * one port number serves all of them as port 25 does outside.
 */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import path from "node:path";
import { type Authority, createAuthority, loadOrCreateAuthority } from "./authority.ts";
import { issueKind } from "./certificate-kind.ts";
import { type LabDnsServer, startDnsServer } from "./dns-server.ts";
import type { DomainSetup } from "./domain-setup.ts";
import { createDomainBuilder, type RaisedDomain } from "./domain-builder.ts";
import { labDomains } from "./domains.ts";
import type { LabControls, LabDomain } from "./lab-domain.ts";
import { listenOn } from "./loopback-server.ts";
import type { ManInTheMiddle } from "./man-in-the-middle.ts";
import { type PolicyHosts, startPolicyHosts } from "./policy-host.ts";

export type LabOptions = {
  /** The first three bytes of its addresses. Default: a random one, so that labs do not meet. */
  subnet?: string;
  /** Default: free ones. */
  ports?: { dns: number; https: number; smtp: number };
  /** Where the authority is kept, for the next start. Default: nowhere. */
  dir?: string;
  /** The domains of the table to set up. Default: all. */
  only?: string[];
};

/** Fixed for the command, so that a relay's settings for the lab go on to be right. */
export const COMMAND_LAB = {
  subnet: "127.25.25",
  ports: { dns: 10_053, https: 10_443, smtp: 10_025 },
} as const satisfies LabOptions;

export type Lab = LabControls & {
  /** Those of the table that are set up. */
  domains: LabDomain[];
  policyHosts: PolicyHosts;
  authority: Authority;
  /** An authority that nobody trusts. */
  otherAuthority: Authority;
  /** Sets one more domain up; resolves when it can take mail. */
  add(setup: DomainSetup): Promise<RaisedDomain>;
  /** Throws for a host that has none before it. */
  manInTheMiddle(host: string): ManInTheMiddle;
  settings: LabSettings;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** What a relay must be told to live in the lab. */
export type LabSettings = {
  /** `host:port` */
  dnsServers: string[];
  policyPort: number;
  deliveryPort: number;
  caPem: string;
  /** Where `caPem` lies, in a lab with a directory. */
  caFile?: string;
  /** The addresses of the lab, as CIDRs. */
  allow: string[];
};

export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const subnet = options.subnet ?? `127.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  const infrastructure = `${subnet}.1`;
  const [authority, otherAuthority] = await Promise.all([
    options.dir === undefined ? createAuthority() : loadOrCreateAuthority(options.dir),
    createAuthority("an authority that nobody trusts"),
  ]);
  const issue: Parameters<typeof startPolicyHosts>[0]["issue"] = (kind, host) =>
    issueKind(kind, host, { trusted: authority, other: otherAuthority });

  const opened = new AsyncDisposableStack();
  try {
    const policyHosts = await startPolicyHosts({ host: infrastructure, port: options.ports?.https ?? 0, issue });
    opened.defer(() => policyHosts.close());
    const dns = await startDns(infrastructure, options.ports?.dns ?? 0);
    opened.use(dns);
    const smtpPort = options.ports?.smtp ?? (await freePort(infrastructure));
    const builder = createDomainBuilder({ subnet, smtpPort, issue, dns, policyHosts });
    opened.defer(() => builder.close());

    const domains = labDomains().filter(({ name }) => options.only?.includes(name) ?? true);
    await Promise.all(domains.map(({ name, setup }) => builder.add({ ...setup, name })));
    const close = () => opened.disposeAsync();
    return {
      ...builder,
      domains,
      dns,
      policyHosts,
      authority,
      otherAuthority,
      settings: {
        dnsServers: [dns.address],
        policyPort: policyHosts.port,
        deliveryPort: smtpPort,
        caPem: authority.caPem,
        ...(options.dir === undefined ? {} : { caFile: path.resolve(options.dir, "ca.pem") }),
        allow: [`${subnet}.0/24`, ...(builder.usesIpv6() ? ["::1/128"] : [])],
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

async function startDns(host: string, port: number): Promise<LabDnsServer> {
  try {
    return await startDnsServer({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new Error(`${host} port ${port} is in use: is another lab running?`, { cause: error });
  }
}

async function freePort(host: string): Promise<number> {
  const probe = await listenOn(createServer(), { host, port: 0 });
  await probe.close();
  return probe.port;
}
