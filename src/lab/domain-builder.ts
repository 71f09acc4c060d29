/**
 * Raises domains in a lab: starts their hosts, gives each its address, and
 * writes the records that lead there.
 */
import type { Issued } from "./authority.ts";
import type { CertificateKind } from "./certificate-kind.ts";
import type { LabDnsServer } from "./dns-server.ts";
import { type DomainSetup, type MxSetup, namedHosts, policyText, txtRecords } from "./domain-setup.ts";
import { type ManInTheMiddle, startManInTheMiddle } from "./man-in-the-middle.ts";
import { type MxHost, startMxHost } from "./mx-host.ts";
import type { PolicyHosts } from "./policy-host.ts";

export type RaisedDomain = {
  name: string;
  /** The hosts that listen, in order of preference. */
  hosts: MxHost[];
};

type RaisedHost = { name: string; address: string; host?: MxHost; between?: ManInTheMiddle };

export function createDomainBuilder(lab: {
  subnet: string;
  smtpPort: number;
  issue: (kind: CertificateKind, host: string) => Promise<Issued>;
  dns: LabDnsServer;
  policyHosts: PolicyHosts;
}) {
  const { dns, policyHosts } = lab;
  const setups = new Map<string, DomainSetup>();
  const raised = new Map<string, RaisedHost[]>();
  const nextAddress = createAddresses(lab.subnet);
  const raising: Promise<unknown>[] = [];
  const opened: { close(): Promise<void> }[] = [];

  async function raiseHost(setup: MxSetup & { name: string }): Promise<RaisedHost> {
    const { name } = setup;
    const address = nextAddress();
    if (setup.closed === true) return { name, address };
    const certificate = await lab.issue(setup.certificate ?? "good", name);
    const host = await startMxHost({
      host: setup.stripped === true ? nextAddress() : address,
      port: lab.smtpPort,
      ipv6: setup.ipv6 ?? false,
      name,
      behaviour: setup.behaviour ?? {},
      certificate,
    });
    opened.push(host);
    if (setup.stripped !== true) return { name, address, host };
    const target = { host: host.address, port: host.port };
    const between = await startManInTheMiddle({ host: address, port: lab.smtpPort, target });
    opened.push(between);
    return { name, address, host, between };
  }

  function writeMx(setup: DomainSetup, hosts: RaisedHost[]): void {
    const { name, mxRecords = "each" } = setup;
    // Nothing may be remembered of a domain that changes between two messages.
    const ttl = { ttl: 0 };
    if (mxRecords === "null") dns.set(name, "MX", [{ preference: 0, exchange: "." }], ttl);
    if (mxRecords === "each") {
      dns.set(
        name,
        "MX",
        hosts.map((host, index) => ({ preference: 10 * (index + 1), exchange: host.name })),
        ttl,
      );
    }
    for (const host of hosts) {
      dns.set(host.name, "A", [host.address], ttl);
      if (host.host?.ipv6 === true) dns.set(host.name, "AAAA", ["::1"], ttl);
    }
  }

  function writePolicy(setup: DomainSetup): void {
    const { name, policy, record } = setup;
    const ttl = { ttl: 0 };
    const at = `_mta-sts.${name}`;
    dns.remove(at);
    dns.behave(at, "TXT", record?.behaviour);
    if (record?.alias !== undefined) dns.set(at, "CNAME", [record.alias], ttl);
    const records = txtRecords(setup);
    if (records.length > 0) dns.set(record?.alias ?? at, "TXT", records, ttl);

    dns.remove(`mta-sts.${name}`);
    policyHosts.set(name, policy === undefined ? undefined : { ...policy, text: policyText(setup, policy) });
    if (policy === undefined) return;
    const { address = policyHosts.address } = policy;
    dns.set(`mta-sts.${name}`, "A", [address === "closed" ? nextAddress() : address], ttl);
  }

  const hostsOf = (domain: string): MxHost[] => (raised.get(domain) ?? []).flatMap(({ host }) => host ?? []);
  const find = (name: string): RaisedHost | undefined => [...raised.values()].flat().find((host) => host.name === name);

  return {
    async add(setup: DomainSetup): Promise<RaisedDomain> {
      if (setups.has(setup.name)) throw new Error(`the lab has ${setup.name} already`);
      setups.set(setup.name, setup);
      const starting = namedHosts(setup).map(raiseHost);
      raising.push(...starting);
      const hosts = await Promise.all(starting);
      raised.set(setup.name, hosts);
      writeMx(setup, hosts);
      writePolicy(setup);
      return { name: setup.name, hosts: hostsOf(setup.name) };
    },
    publish(domain: string, what: Pick<DomainSetup, "policy" | "record">): void {
      const { policy: _policy, record: _record, ...rest } = setups.get(domain) ?? { name: domain };
      const setup = { ...rest, ...what };
      setups.set(domain, setup);
      writePolicy(setup);
    },
    mx(name: string): MxHost {
      const host = find(name)?.host;
      if (host === undefined) throw new Error(`the lab has no MX host ${name}`);
      return host;
    },
    hostsOf,
    manInTheMiddle(name: string): ManInTheMiddle {
      const between = find(name)?.between;
      if (between === undefined) throw new Error(`the lab has no man in the middle before ${name}`);
      return between;
    },
    usesIpv6: () => [...raised.values()].flat().some(({ host }) => host?.ipv6 === true),
    async close(): Promise<void> {
      // When one host cannot start, the others are still on their way.
      await Promise.allSettled(raising);
      await Promise.all(opened.splice(0).map((server) => server.close()));
    },
  };
}

/** The first address is the DNS server's and the policy hosts'. */
function createAddresses(subnet: string): () => string {
  let last = 1;
  return () => {
    if (last === 254) throw new Error(`the lab has no address left in ${subnet}.0/24`);
    last += 1;
    return `${subnet}.${last}`;
  };
}
