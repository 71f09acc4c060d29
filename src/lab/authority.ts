/**
 * A certification authority of one's own, for the lab and for tests: it issues
 * what is asked for, right or wrong. RFC 5280.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { type KeyPair, newKeyPair, pemOfKey, writeCertificate } from "./certificate.ts";

export type Issued = {
  /** The leaf; the lab has no intermediate authorities. */
  certPem: string;
  keyPem: string;
};

export type IssueOptions = {
  /** SAN dNSNames. May be empty: then the certificate has no SAN extension. */
  names: string[];
  /** Default: the first of `names`, or `lab`. */
  commonName?: string;
  /** Default: an hour ago, or a day before `notAfter` where that is earlier. */
  notBefore?: Date;
  /** Default: in one year. */
  notAfter?: Date;
};

export type Authority = {
  /** The root certificate, to be trusted by whoever is to accept what is issued. */
  caPem: string;
  issue(options: IssueOptions): Promise<Issued>;
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;

/** A new authority. Its key is gone with the process. */
export async function createAuthority(name = "sts-relay lab CA"): Promise<Authority> {
  const keys = await newKeyPair();
  return authorityOver(name, keys, newRoot(name, keys));
}

/**
 * The authority kept in `dir` (`ca.pem`, and `ca.key` readable by its owner
 * only), so that whoever trusts it goes on trusting a lab that was restarted.
 * Made anew when there is none or it has expired.
 * Throws when certificate and key do not belong together.
 */
export async function loadOrCreateAuthority(dir: string, name = "sts-relay lab CA"): Promise<Authority> {
  const kept = await readKept(dir);
  if (kept !== undefined) return kept;
  const keys = await newKeyPair();
  const caPem = newRoot(name, keys);
  await mkdir(dir, { recursive: true });
  // The certificate is written last: a certificate without its key would stop the next start.
  await writeWhole(path.join(dir, "ca.key"), pemOfKey(keys.privateKey), 0o600);
  await writeWhole(path.join(dir, "ca.pem"), caPem, 0o644);
  return authorityOver(name, keys, caPem);
}

/** A certificate that signed itself: correct in all else. */
export async function selfSigned(names: string[]): Promise<Issued> {
  const keys = await newKeyPair();
  const subject = names[0] ?? "lab";
  return issueWith({ names, commonName: subject }, keys, { name: subject, keys });
}

function newRoot(name: string, keys: KeyPair): string {
  const contents = { subject: name, issuer: name, publicKey: keys.publicKey, names: [], use: "authority" as const };
  return writeCertificate({ ...contents, ...validity(10 * YEAR_MS) }, keys.privateKey);
}

function authorityOver(name: string, keys: KeyPair, caPem: string): Authority {
  return { caPem, issue: async (options) => issueWith(options, await newKeyPair(), { name, keys }) };
}

function issueWith(options: IssueOptions, leaf: KeyPair, issuer: { name: string; keys: KeyPair }): Issued {
  const usual = validity(YEAR_MS);
  const notAfter = options.notAfter ?? usual.notAfter;
  const notBefore = options.notBefore ?? new Date(Math.min(usual.notBefore.getTime(), notAfter.getTime() - DAY_MS));
  const certPem = writeCertificate(
    {
      subject: options.commonName ?? options.names[0] ?? "lab",
      issuer: issuer.name,
      publicKey: leaf.publicKey,
      notBefore,
      notAfter,
      names: options.names,
      use: "server",
    },
    issuer.keys.privateKey,
  );
  return { certPem, keyPem: pemOfKey(leaf.privateKey) };
}

/** From an hour ago, for clocks that differ a little. */
function validity(lengthMs: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - HOUR_MS), notAfter: new Date(now + lengthMs) };
}

async function readKept(dir: string): Promise<Authority | undefined> {
  const [caPem, keyPem] = await Promise.all(["ca.pem", "ca.key"].map((file) => readIfThere(path.join(dir, file))));
  if (caPem === undefined || keyPem === undefined) return undefined;
  const certificate = new X509Certificate(caPem);
  const privateKey = createPrivateKey(keyPem);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`${dir}: ca.pem and ca.key do not belong together; delete both to have a new lab authority`);
  }
  if (certificate.validToDate.getTime() < Date.now() + YEAR_MS) return undefined;
  const name = certificate.subject.replace(/^CN=/, "");
  return authorityOver(name, { publicKey: certificate.publicKey, privateKey }, caPem);
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  await writeFile(`${file}.new`, text, { mode });
  await rename(`${file}.new`, file);
}
