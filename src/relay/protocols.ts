/**
 * What the relay speaks with the world: DNS, TLS and MTA-STS, set up as the
 * configuration says.
 */
import { readFile } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import { type AddressGuard, createAddressGuard } from "../dns/address-guard.ts";
import type { Resolver } from "../dns/answer.ts";
import { createResolver } from "../dns/resolver.ts";
import { systemServers } from "../dns/system-servers.ts";
import { createPolicyFetch, type FetchPolicy } from "../mta-sts/policy-fetch.ts";
import { createPolicySource, type PolicySource } from "../mta-sts/policy-source.ts";
import type { Events } from "../observe/events.ts";
import type { StoreConnection } from "../store/connection.ts";
import { createPolicyStore } from "../store/policy-store.ts";
import { createTrust, type Trust } from "../tls/trust.ts";
import { follow } from "./follow.ts";

/** What can be asked without a store. */
export type Network = {
  dns: Resolver;
  guard: AddressGuard;
  trust: Trust;
  fetchPolicy: FetchPolicy;
};

export type Protocols = Network & { policies: PolicySource };

/** @param live the configuration of the moment, for what may change. Default: `config` */
export async function createNetwork(config: Config, live: () => Config = () => config): Promise<Network> {
  const { servers, zones, timeoutMs, tries } = config.dns;
  const dns = createResolver({ servers: servers.length === 0 ? systemServers() : servers, zones, timeoutMs, tries });
  const guardOfNow = follow(
    () => live().network.allow,
    (allow) => createAddressGuard({ allow }),
  );
  const guard: AddressGuard = (address) => guardOfNow()(address);
  const trust = createTrust(config.tls.caFile === undefined ? undefined : await readFile(config.tls.caFile, "utf8"));
  const fetchPolicy = createPolicyFetch({
    dns,
    guard,
    port: config.mtaSts.policyPort,
    secureContext: trust.strict,
    timeoutMs: config.mtaSts.fetchTimeoutMs,
  });
  return { dns, guard, trust, fetchPolicy };
}

export async function createProtocols(
  config: Config,
  connection: StoreConnection,
  events: Pick<Events, "policy">,
  live: () => Config,
): Promise<Protocols> {
  const network = await createNetwork(config, live);
  const policies = createPolicySource({
    ...network,
    store: createPolicyStore(connection),
    now: Date.now,
    random: Math.random,
    report: (event) => events.policy(event),
    refreshEveryMs: config.mtaSts.refreshEveryMs,
  });
  return { ...network, policies };
}
