/**
 * What a policy source stands on, for tests: a real DNS server, a real policy
 * host for every domain, a store, and a clock that the test moves.
 */
import { createSecureContext } from "node:tls";
import { createAddressGuard } from "../../../src/dns/address-guard.ts";
import { createResolver } from "../../../src/dns/resolver.ts";
import { createAuthority } from "../../../src/lab/authority.ts";
import { startDnsServer, type LabDnsServer } from "../../../src/lab/dns-server.ts";
import type { PolicyEvent } from "../../../src/mta-sts/answer.ts";
import { createPolicyFetch } from "../../../src/mta-sts/policy-fetch.ts";
import { createPolicySource, type PolicySource, type PolicySourceParts } from "../../../src/mta-sts/policy-source.ts";
import { createMemoryPolicyStore, type MemoryPolicyStore } from "../../support/memory-policy-store.ts";
import { startPolicyHost, type PolicyHost, type Respond } from "./policy-host.ts";

export const START = 1_700_000_000_000;

export type PolicyWorld = {
  dns: LabDnsServer;
  host: PolicyHost;
  store: MemoryPolicyStore;
  /** The clock of the sources. */
  now: number;
  /** What the sources reported. A test may empty it. */
  events: PolicyEvent[];
  /** Requests for the policy of this domain so far. */
  fetches(domain: string): number;
  /** Announces a policy (TTL 0 unless told) and serves its text. */
  publish(domain: string, id: string, text: string, ttl?: number): void;
  /** Announces a policy and serves something else. */
  publishBroken(domain: string, id: string, respond?: Respond): void;
  /** As one more process over the same store. */
  source(parts?: Partial<PolicySourceParts>): PolicySource;
  [Symbol.asyncDispose](): Promise<void>;
};

export const policyText = (mode = "enforce", maxAge = 86_400, mx = "mail.d.example") =>
  `version: STSv1\nmode: ${mode}\nmx: ${mx}\nmax_age: ${maxAge}\n`;

export async function startPolicyWorld(): Promise<PolicyWorld> {
  const authority = await createAuthority();
  const dns = await startDnsServer({ host: "127.0.0.1" });
  const host = await startPolicyHost(authority);
  const store = createMemoryPolicyStore();
  const served = new Map<string, Respond>();
  host.respond = (request, response) => {
    const respond = served.get(request.headers.host?.split(":")[0] ?? "");
    if (respond === undefined) response.writeHead(404).end();
    else respond(request, response);
  };
  const announce = (domain: string, id: string, ttl: number, respond: Respond) => {
    dns.set(`_mta-sts.${domain}`, "TXT", [[`v=STSv1; id=${id};`]], { ttl });
    dns.set(`mta-sts.${domain}`, "A", ["127.0.0.1"], { ttl: 0 });
    served.set(`mta-sts.${domain}`, respond);
  };

  const world: PolicyWorld = {
    dns,
    host,
    store,
    now: START,
    events: [],
    fetches: (domain) => host.requests.filter(({ servername }) => servername === `mta-sts.${domain}`).length,
    publish: (domain, id, text, ttl = 0) =>
      announce(domain, id, ttl, (_request, response) =>
        response.writeHead(200, { "content-type": "text/plain" }).end(text),
      ),
    publishBroken: (domain, id, respond = (_request, response) => response.writeHead(503).end()) =>
      announce(domain, id, 0, respond),
    source: (parts = {}) => {
      // Each process has its own resolver, with its own cache.
      const resolver = createResolver({ servers: [dns.address], timeoutMs: 150, tries: 1 });
      const fetchPolicy = createPolicyFetch({
        dns: resolver,
        guard: createAddressGuard({ allow: ["127.0.0.0/8"] }),
        port: host.port,
        secureContext: createSecureContext({ ca: authority.caPem, minVersion: "TLSv1.2" }),
      });
      return createPolicySource({
        dns: resolver,
        store,
        fetchPolicy,
        now: () => world.now,
        random: () => 0.5,
        report: (event) => void world.events.push(event),
        pollMs: 10,
        ...parts,
      });
    },
    [Symbol.asyncDispose]: async () => {
      await host[Symbol.asyncDispose]();
      await dns.close();
    },
  };
  return world;
}
