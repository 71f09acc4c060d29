/** MX hosts of the lab for one test, each with the certificate that it is asked for; all end with the test. */
import { createAuthority, type Issued } from "../../src/lab/authority.ts";
import { type CertificateKind, issueKind } from "../../src/lab/certificate-kind.ts";
import type { MxBehaviour } from "../../src/lab/mx-behaviour.ts";
import { type MxHost, startMxHost } from "../../src/lab/mx-host.ts";
import { createTrust } from "../../src/tls/trust.ts";

const authorities = { trusted: await createAuthority(), other: await createAuthority() };

/** Trusts the hosts' authority. */
export const trust = createTrust(authorities.trusted.caPem);

const issued = new Map<string, Promise<Issued>>();

/** Made once for each kind and name. */
export function certificateOf(kind: CertificateKind, name: string): Promise<Issued> {
  const key = `${kind} ${name}`;
  const made = issued.get(key) ?? issueKind(kind, name, authorities);
  issued.set(key, made);
  return made;
}

export type TestHosts = AsyncDisposable & {
  start(name: string, behaviour?: MxBehaviour, certificate?: CertificateKind): Promise<MxHost>;
  /** All of them, in order. */
  hosts: MxHost[];
};

export function createTestHosts(): TestHosts {
  const hosts: MxHost[] = [];
  return {
    hosts,
    async start(name, behaviour = {}, kind = "good") {
      const certificate = await certificateOf(kind, name);
      const host = await startMxHost({ host: "127.0.0.1", port: 0, name, behaviour, certificate });
      hosts.push(host);
      return host;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(hosts.map((host) => host.close()));
    },
  };
}

/** What all sessions of a host learnt of messages: nothing, where it is "". */
export const leakedTo = (host: MxHost): string => host.sessions.map((session) => session.leaked.toString()).join("");
