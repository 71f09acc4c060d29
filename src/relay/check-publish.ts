/**
 * What is wrong with the settings for publishing, beyond single ones.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import type { Problem } from "../config/problem.ts";
import { policyHost } from "../mta-sts/record.ts";
import { namesHost } from "../publish/certificates.ts";
import { certificateProblems } from "./check-files.ts";

export async function publishProblems({ publish }: Config, now: number): Promise<Problem[]> {
  const files = await Promise.all(publish.certificates.map((_, index) => certificateFiles(publish, index, now)));
  const problems = [...listenerProblems(publish), ...files.flat()];
  // What names which host can be told only of certificates that can be read.
  return files.flat().length > 0 ? problems : [...problems, ...(await unnamedHosts(publish))];
}

type Publish = Config["publish"];

function listenerProblems({ listeners, certificates, domains }: Publish): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const [index, { host, port, tls }] of listeners.entries()) {
    const path = ["publish", "listeners", index];
    if (tls === "implicit" && certificates.length === 0) {
      problems.push({
        severity: "error",
        path: [...path, "tls"],
        what: "HTTPS needs a certificate",
        right: "set publish.certificates, or tls: none behind a proxy",
      });
    }
    if (port !== 0 && seen.has(`${host} ${port}`)) {
      const what = `${host}:${port} is in the list twice`;
      problems.push({ severity: "error", path, what, right: "expected each host and port once" });
    }
    seen.add(`${host} ${port}`);
  }
  if (listeners.length > 0 && Object.keys(domains).length === 0) {
    const what = "there is no domain to serve a policy of";
    problems.push({ severity: "warning", path: ["publish", "listeners"], what, right: "set publish.domains" });
  }
  return problems;
}

async function certificateFiles({ certificates }: Publish, index: number, now: number): Promise<Problem[]> {
  const files = certificates[index];
  const problems = files === undefined ? [] : await certificateProblems(files, now);
  return problems.map(({ file, severity, what }) => ({
    severity,
    path: ["publish", "certificates", index, file],
    what,
    right: severity === "warning" ? "senders get no policy" : "expected a certificate and its key, in PEM files",
  }));
}

async function unnamedHosts({ listeners, certificates, domains }: Publish): Promise<Problem[]> {
  if (!listeners.some(({ tls }) => tls === "implicit")) return [];
  const pems = await Promise.all(certificates.map(({ certFile }) => readFile(certFile, "utf8")));
  const leaves = pems.map((pem) => new X509Certificate(pem));
  const unnamed = Object.keys(domains)
    .map(policyHost)
    .filter((host) => !leaves.some((leaf) => namesHost(leaf, host)));
  return unnamed.map((host) => ({
    severity: "warning",
    path: ["publish", "certificates"],
    what: `no certificate names ${host}`,
    right: "senders get no policy",
  }));
}
