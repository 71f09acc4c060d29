/**
 * Reads from a TLS socket what its handshake proved. Judging it is
 * `tls/verdict.ts`.
 */
import type { PeerCertificate, TLSSocket } from "node:tls";
import { checkServerIdentity } from "../tls/identity.ts";
import type { CertificateNote, HandshakeFacts } from "../tls/verdict.ts";

const MOST_NAMES = 10;
const LONGEST_NAME = 253;

/** @param host the MX host name that the certificate must name. @param injected plain text came behind the STARTTLS reply. */
export function handshakeFacts(socket: TLSSocket, host: string, injected: boolean): HandshakeFacts {
  // getPeerX509Certificate() answers once only; this one answers always.
  const peer = socket.getPeerCertificate(true);
  const shown = Object.keys(peer).length > 0;
  const chainError = shown ? chainErrorOf(socket) : "NO_CERTIFICATE";
  return {
    secured: true,
    protocol: socket.getProtocol() ?? "unknown",
    cipher: socket.getCipher().name,
    namesHost: shown && checkServerIdentity(host, peer) === undefined,
    injected,
    ...(shown ? { certificate: note(peer) } : {}),
    ...(chainError === undefined ? {} : { chainError }),
  };
}

/** The name is judged apart from the chain, so a finding about the name is none about the chain. */
function chainErrorOf(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined;
  // Typed as an Error, and in truth the code as a string.
  const error: unknown = socket.authorizationError;
  const code = typeof error === "string" ? error : (error as NodeJS.ErrnoException | null)?.code;
  return code === "ERR_TLS_CERT_ALTNAME_INVALID" ? undefined : (code ?? "UNSPECIFIED");
}

function note(peer: PeerCertificate): CertificateNote {
  const names = [...(peer.subjectaltname ?? "").matchAll(/DNS:([^,\s"]+)/g)].map((match) => match[1] ?? "");
  const issuer = peer.issuer as Partial<typeof peer.issuer> | undefined;
  const expiresAt = Date.parse(peer.valid_to);
  return {
    names: names.slice(0, MOST_NAMES).map((name) => name.slice(0, LONGEST_NAME)),
    issuer: String(issuer?.O ?? issuer?.CN ?? "unknown").slice(0, LONGEST_NAME),
    ...(Number.isNaN(expiresAt) ? {} : { expiresAt }),
  };
}
