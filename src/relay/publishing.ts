/**
 * The publishing part of the relay: servers for the policies of our domains,
 * and their certificates.
 */
import { X509Certificate } from "node:crypto";
import type { Config } from "../config/config.ts";
import type { Resolver } from "../dns/answer.ts";
import type { Events } from "../observe/events.ts";
import { createCertificates, type PemCertificate } from "../publish/certificates.ts";
import { createOwnPolicies, type OwnPolicies, type PolicyState } from "../publish/policies.ts";
import { type PolicyServer, startPolicyServer } from "../publish/server.ts";
import { follow } from "./follow.ts";
import { type CertificateFiles, readCertificate, watchCertificate } from "./listener-certificate.ts";
import { publicationsOf } from "./publications.ts";
import { EXIT_CONFIG, EXIT_UNAVAILABLE, StartError } from "./start-error.ts";

export type Publishing = {
  addresses: { host: string; port: number; tls: "implicit" | "none" }[];
  /** Takes up changed policies, and reads the certificates again from the files that the settings name now. */
  reload(): Promise<void>;
};

export type PublishingParts = { live: () => Config; dns: Resolver; events: Events };

/** Nobody has a longer host name. */
const LONGEST_NAME = 255;

/** Starts every server, or none. What it starts, `stack` stops. */
export async function startPublishing(parts: PublishingParts, stack: AsyncDisposableStack): Promise<Publishing> {
  const { live, events } = parts;
  const { listeners } = live().publish;
  if (listeners.length === 0) return { addresses: [], reload: async () => undefined };
  const policies = followPolicies(parts, stack);
  const pems = createPemShelf(events);
  const certificates = await pems.read(live().publish.certificates);
  if (certificates.length === 0 && listeners.some(({ tls }) => tls === "implicit")) {
    throw new StartError("publish.certificates: none can be used, and a listener with TLS needs one", EXIT_CONFIG);
  }
  const servers: PolicyServer[] = [];
  const addresses: Publishing["addresses"] = [];
  for (const { host, port, tls } of listeners) {
    const server = await open({
      host,
      port,
      tls,
      certificates,
      policies,
      onAnswer: (what) => events.policyAsked({ ...what, host: what.host.slice(0, LONGEST_NAME) }),
      onFault: (err) => events.fault({ where: "policy server", err }),
    });
    stack.defer(() => server.close());
    servers.push(server);
    addresses.push({ host: server.address, port: server.port, tls });
  }
  const renew = async () => {
    const renewed = await pems.read(live().publish.certificates);
    for (const server of servers) server.updateCertificates(renewed);
  };
  let watches = watchAll(live, renew);
  stack.defer(() => watches.dispose());
  events.publishing({ listeners: addresses.map(({ host, port, tls }) => `${host}:${port} (${tls})`) });
  return {
    addresses,
    reload: async () => {
      policies.takeUp();
      watches.dispose();
      watches = watchAll(live, renew);
      await renew();
    },
  };
}

/** Those of the settings as they are now; the log says what each domain has, before anybody asks. */
function followPolicies(
  { live, dns, events }: PublishingParts,
  stack: AsyncDisposableStack,
): Pick<OwnPolicies, "policyOf"> & { takeUp(): void } {
  const stopped = new AbortController();
  stack.defer(() => stopped.abort());
  const current = follow(
    () => live().publish.domains,
    () => {
      const onChange = (state: PolicyState) => logState(events, state);
      const publications = publicationsOf(live());
      const policies = createOwnPolicies({ publications, dns, now: Date.now, onChange, signal: stopped.signal });
      for (const domain of policies.domains) void policies.policyOf(domain);
      return policies;
    },
  );
  current();
  return { takeUp: () => void current(), policyOf: (domain) => current().policyOf(domain) };
}

function logState(events: Events, state: PolicyState): void {
  if (state.kind === "unavailable") return events.policyUnavailable({ domain: state.domain, detail: state.detail });
  const { domain, id, policy } = state.published;
  events.policyPublished({ domain, id, mode: policy.mode, mx: policy.mx });
}

/** Keeps the last usable certificate of each pair of files: a new one that cannot be used does not take its place. */
function createPemShelf(events: Events) {
  const kept = new Map<string, PemCertificate>();
  const readOne = async (files: CertificateFiles): Promise<PemCertificate | undefined> => {
    const key = `${files.certFile}\0${files.keyFile}`;
    try {
      const pem = await readCertificate(files);
      createCertificates([pem]);
      const expiresAt = new Date(new X509Certificate(pem.cert).validTo).toISOString();
      if (kept.get(key)?.cert !== pem.cert) events.certificateLoaded({ file: files.certFile, expiresAt });
      kept.set(key, pem);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      events.certificateUnreadable({ file: files.certFile, detail });
    }
    return kept.get(key);
  };
  return {
    read: async (files: CertificateFiles[]) =>
      (await Promise.all(files.map(readOne))).filter((pem) => pem !== undefined),
  };
}

function watchAll(live: () => Config, renew: () => Promise<void>): DisposableStack {
  const watches = new DisposableStack();
  for (const files of live().publish.certificates) watches.use(watchCertificate(files, () => void renew()));
  return watches;
}

async function open(options: Parameters<typeof startPolicyServer>[0]): Promise<PolicyServer> {
  try {
    return await startPolicyServer(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`cannot serve policies on ${options.host}:${options.port}: ${why}`, EXIT_UNAVAILABLE, {
      cause,
    });
  }
}
