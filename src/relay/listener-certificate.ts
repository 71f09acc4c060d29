/**
 * The certificate that clients are shown: read from its files, and again when
 * they change.
 */
import { X509Certificate } from "node:crypto";
import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Events } from "../observe/events.ts";
import type { Certificate, Listener } from "../submission/listener.ts";

export type CertificateFiles = { certFile: string; keyFile: string };

/** How often the files are looked at. */
const LOOK_EVERY_MS = 30_000;

export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  return { cert, key };
}

/** A new certificate that cannot be used leaves the old one in place. */
export async function renewCertificate(
  files: CertificateFiles,
  listeners: Pick<Listener, "updateCertificate">[],
  events: Pick<Events, "certificateLoaded" | "certificateUnreadable">,
): Promise<void> {
  try {
    const certificate = await readCertificate(files);
    const expiresAt = new Date(new X509Certificate(certificate.cert).validTo).toISOString();
    for (const listener of listeners) listener.updateCertificate(certificate);
    events.certificateLoaded({ file: files.certFile, expiresAt });
  } catch (error) {
    events.certificateUnreadable({
      file: files.certFile,
      detail: error instanceof Error ? error.message : String(error),
    });
  }
}

/**
 * Looks at both files: between the writing of the one and of the other they do not
 * belong together, and the second is the one that makes them usable.
 * @param everyMs default: 30,000
 */
export function watchCertificate(files: CertificateFiles, changed: () => void, everyMs = LOOK_EVERY_MS): Disposable {
  const both = [files.certFile, files.keyFile];
  for (const file of both) watchFile(file, { persistent: false, interval: everyMs }, changed);
  return {
    [Symbol.dispose]: () => {
      for (const file of both) unwatchFile(file, changed);
    },
  };
}
