/**
 * Looks at the files that settings name, before anything depends on them.
 * Each check gives what is wrong in words, or nothing.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";

type Read<T> = { value: T } | { wrong: string };

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A file of trusted authorities. */
export async function authoritiesProblem(file: string): Promise<string | undefined> {
  const read = await readCertificates(file);
  return "wrong" in read ? read.wrong : undefined;
}

export type CertificateProblem = { file: "certFile" | "keyFile"; severity: "error" | "warning"; what: string };

/** The certificate that clients are shown, and its key. */
export async function certificateProblems(
  files: { certFile: string; keyFile: string },
  now: number,
): Promise<CertificateProblem[]> {
  const [certificates, key] = await Promise.all([readCertificates(files.certFile), readKey(files.keyFile)]);
  const problems: CertificateProblem[] = [];
  if ("wrong" in certificates) problems.push({ file: "certFile", severity: "error", what: certificates.wrong });
  if ("wrong" in key) problems.push({ file: "keyFile", severity: "error", what: key.wrong });
  const leaf = "value" in certificates ? certificates.value[0] : undefined;
  if (leaf === undefined) return problems;
  if ("value" in key && !leaf.checkPrivateKey(key.value)) {
    problems.push({ file: "keyFile", severity: "error", what: `${files.keyFile} is not the key of ${files.certFile}` });
  }
  const date = datesProblem(leaf, now);
  // An expired certificate is the clients' to refuse: mail that would come all the same must not be stopped by it.
  if (date !== undefined) problems.push({ file: "certFile", severity: "warning", what: `${files.certFile} ${date}` });
  return problems;
}

function datesProblem(certificate: X509Certificate, now: number): string | undefined {
  if (now > certificate.validToDate.getTime()) return `expired on ${certificate.validTo}`;
  if (now < certificate.validFromDate.getTime()) return `is valid only from ${certificate.validFrom}`;
  return undefined;
}

async function readCertificates(file: string): Promise<Read<X509Certificate[]>> {
  const text = await readText(file);
  if ("wrong" in text) return text;
  const blocks = text.value.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0) return { wrong: `${file} holds no certificate in PEM form` };
  try {
    return { value: blocks.map((block) => new X509Certificate(block)) };
  } catch {
    return { wrong: `${file} holds a certificate that cannot be read` };
  }
}

async function readKey(file: string): Promise<Read<KeyObject>> {
  const text = await readText(file);
  if ("wrong" in text) return text;
  try {
    return { value: createPrivateKey(text.value) };
  } catch {
    const isEncrypted = /ENCRYPTED/.test(text.value);
    return { wrong: isEncrypted ? `${file} is encrypted` : `${file} holds no private key in PEM form` };
  }
}

async function readText(file: string): Promise<Read<string>> {
  try {
    return { value: await readFile(file, "utf8") };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return { wrong: `${file} does not exist` };
    if (code === "EACCES") return { wrong: `${file} may not be read by this user` };
    return { wrong: `${file} cannot be read (${code})` };
  }
}
