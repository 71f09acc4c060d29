/**
 * X.509 certificates for the lab, good ones and faulty ones. RFC 5280.
 *
 * ECDSA over P-256 with SHA-256 throughout (RFC 5758 section 3.2). Written by
 * hand over `der.ts`, because the lab wants certificates that no careful
 * authority would issue, and because it is shorter than a library's set-up.
 */
import { createHash, createPublicKey, generateKeyPair, type KeyObject, randomBytes, sign } from "node:crypto";
import { promisify } from "node:util";
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from "./der.ts";

export type CertificateContents = {
  /** Common name of the one it is for. */
  subject: string;
  /** Common name of the one who signs. */
  issuer: string;
  publicKey: KeyObject;
  notBefore: Date;
  notAfter: Date;
  /** SAN dNSNames. Empty: no subjectAltName extension at all. */
  names: string[];
  /** An authority may sign other certificates; a leaf may serve TLS. */
  use: "authority" | "server";
};

export type KeyPair = { publicKey: KeyObject; privateKey: KeyObject };

const generate = promisify(generateKeyPair);

export function newKeyPair(): Promise<KeyPair> {
  return generate("ec", { namedCurve: "P-256" });
}

export const pemOfKey = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

/** The certificate as PEM, signed with `signingKey`. RFC 5280 section 4.1. */
export function writeCertificate(contents: CertificateContents, signingKey: KeyObject): string {
  const algorithm = sequence(objectIdentifier("1.2.840.10045.4.3.2")); // ecdsa-with-SHA256
  const toBeSigned = sequence(
    explicit(0, integer(Buffer.from([2]))), // v3
    integer(newSerial()),
    algorithm,
    name(contents.issuer),
    sequence(time(contents.notBefore), time(contents.notAfter)),
    name(contents.subject),
    contents.publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(...extensions(contents, signingKey))),
  );
  const certificate = sequence(toBeSigned, algorithm, bitString(sign("sha256", toBeSigned, signingKey)));
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** 127 random bits: positive, and never zero. RFC 5280 section 4.1.2.2. */
function newSerial(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes;
}

function name(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier("2.5.4.3"), utf8String(commonName))));
}

function extensions(contents: CertificateContents, signingKey: KeyObject): Buffer[] {
  const isAuthority = contents.use === "authority";
  const all = [
    extension("2.5.29.19", sequence(...(isAuthority ? [boolean(true)] : [])), "critical"), // basicConstraints
    extension("2.5.29.15", isAuthority ? bitString(Buffer.of(0x06), 1) : bitString(Buffer.of(0x80), 7), "critical"), // keyUsage: keyCertSign + cRLSign, or digitalSignature
    extension("2.5.29.14", octetString(keyId(contents.publicKey))), // subjectKeyIdentifier
    // Tells apart two authorities of one name, as two labs on one machine have.
    extension("2.5.29.35", sequence(implicit(0, keyId(createPublicKey(signingKey))))), // authorityKeyIdentifier
  ];
  if (!isAuthority) all.push(extension("2.5.29.37", sequence(objectIdentifier("1.3.6.1.5.5.7.3.1")))); // serverAuth
  if (contents.names.length > 0) {
    const dnsNames = contents.names.map((dnsName) => implicit(2, Buffer.from(dnsName, "latin1")));
    all.push(extension("2.5.29.17", sequence(...dnsNames))); // subjectAltName
  }
  return all;
}

function extension(id: string, value: Buffer, critical?: "critical"): Buffer {
  return sequence(objectIdentifier(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** SHA-1 of the key's point, by method 1 of RFC 5280 section 4.2.1.2. An identifier, not a protection. */
function keyId(key: KeyObject): Buffer {
  const uncompressedPoint = key.export({ type: "spki", format: "der" }).subarray(-65);
  return createHash("sha1").update(uncompressedPoint).digest();
}
