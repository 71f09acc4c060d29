/**
 * The certificates that hosts of the lab show: one good and one for each way
 * to fail. RFC 8461 section 4.2, RFC 6125.
 */
import { type Authority, type Issued, selfSigned } from "./authority.ts";

export type CertificateKind =
  /** Names the host in its SAN, in date, from the lab's authority. */
  | "good"
  /** SAN `*.` and the rest of the host name: good for it. RFC 6125 section 6.4.3. */
  | "wildcard"
  /** SAN with a wildcard that is only part of a label, like `m*.example.test`: good for nothing here. */
  | "partial-wildcard"
  | "self-signed"
  /** From an authority that nobody trusts. */
  | "other-authority"
  | "expired"
  | "not-yet-valid"
  /** Good, for another host. */
  | "wrong-name"
  /** The name is in the subject's common name only, and there is no SAN. */
  | "common-name-only";

const DAY_MS = 86_400_000;

export function issueKind(
  kind: CertificateKind,
  host: string,
  authorities: { trusted: Authority; other: Authority },
): Promise<Issued> {
  const { trusted, other } = authorities;
  switch (kind) {
    case "good":
      return trusted.issue({ names: [host] });
    case "wildcard":
      return trusted.issue({ names: [host.replace(/^[^.]*/, "*")] });
    case "partial-wildcard":
      return trusted.issue({ names: [host.replace(/^(.)[^.]*/, "$1*")] });
    case "self-signed":
      return selfSigned([host]);
    case "other-authority":
      return other.issue({ names: [host] });
    case "expired":
      return trusted.issue({ names: [host], notAfter: new Date(Date.now() - DAY_MS) });
    case "not-yet-valid":
      return trusted.issue({ names: [host], notBefore: new Date(Date.now() + DAY_MS) });
    case "wrong-name":
      return trusted.issue({ names: ["other-host.invalid.test"] });
    case "common-name-only":
      return trusted.issue({ names: [], commonName: host });
  }
}
