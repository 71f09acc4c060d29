/**
 * Keys that messages are signed with: read, made, and published.
 * RFC 6376 section 3.6.1, RFC 8301 (RSA keys), RFC 8463 (Ed25519).
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Domain } from "../dns/answer.ts";

export type KeyType = "rsa" | "ed25519";

export type DkimKey = {
  domain: Domain;
  selector: string;
  type: KeyType;
  privateKey: KeyObject;
};

/** RFC 8301 section 3.2 asks for 1024 at least and advises 2048; shorter ones are no longer believed by many. */
const LEAST_RSA_BITS = 2048;

/** The private key in a PEM text, or what is wrong with it. */
export function readDkimKey(pem: string): { type: KeyType; privateKey: KeyObject } | { wrong: string } {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    return { wrong: /ENCRYPTED/.test(pem) ? "is encrypted" : "holds no private key in PEM form" };
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails } = privateKey;
  if (type === "ed25519") return { type, privateKey };
  if (type !== "rsa") return { wrong: `holds a key of type ${type}; it must be RSA or Ed25519` };
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < LEAST_RSA_BITS) return { wrong: `holds an RSA key of ${bits} bits; ${LEAST_RSA_BITS} is the least` };
  return { type, privateKey };
}

/** A new private key, PEM (PKCS #8). */
export function generateDkimKey(type: KeyType): string {
  const { privateKey } =
    type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: LEAST_RSA_BITS })
      : generateKeyPairSync("ed25519", undefined);
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Where the public key is published. RFC 6376 section 3.6.2.1. */
export const keyRecordName = (selector: string, domain: Domain): Domain => `${selector}._domainkey.${domain}`;

/**
 * The TXT record of a key's public half. RFC 6376 section 3.6.1.
 * @param services for which services it is good, like `["email", "tlsrpt"]`; default: all
 */
export function keyRecord(privateKey: KeyObject, services: string[] = []): string {
  const publicKey = createPublicKey(privateKey);
  const spki = publicKey.export({ type: "spki", format: "der" });
  const isRsa = publicKey.asymmetricKeyType === "rsa";
  // RFC 8463 section 4: of an Ed25519 key the 32 bytes alone, the last ones of the structure.
  const bytes = isRsa ? spki : spki.subarray(-32);
  const service = services.length === 0 ? "" : ` s=${services.join(":")};`;
  return `v=DKIM1; k=${isRsa ? "rsa" : "ed25519"};${service} p=${bytes.toString("base64")}`;
}

/** A TXT record as a zone file has it: a string holds 255 bytes at most. RFC 1035 sections 3.3 and 5.1. */
export function zoneFileLine(name: Domain, text: string): string {
  const strings = text.match(/.{1,255}/gs) ?? [""];
  return `${name}. IN TXT ${strings.length === 1 ? "" : "( "}${strings.map((each) => `"${each}"`).join(" ")}${strings.length === 1 ? "" : " )"}`;
}

/** Labels of letters, digits, hyphens and underscores. RFC 6376 section 3.1. */
export function isSelector(text: string): boolean {
  return /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i.test(text);
}
