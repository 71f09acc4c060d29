/**
 * The policy hosts of the lab: one HTTPS server that is `mta-sts.` of every
 * domain, each with a certificate and a behaviour of its own.
 * RFC 8461 section 3.3.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Issued } from "./authority.ts";
import type { CertificateKind } from "./certificate-kind.ts";
import { listenOn, type LoopbackServer } from "./loopback-server.ts";

export type PolicyHostBehaviour = {
  /** The policy file. */
  text: string;
  /** Default: 200. Any other is answered with the same text. */
  status?: number;
  /**
   * Answers 301 to a path of the same host where the policy lies, status 200
   * and all: only a client that refuses to follow does not get it. RFC 8461 section 3.3.
   */
  redirect?: boolean;
  /** Default: `text/plain`. `""`: no such header. */
  contentType?: string;
  /** Filled up to this size with an extension field, so that nothing but the size is wrong. */
  sizeBytes?: number;
  /** The text one byte each 100 ms and then blank lines, for five minutes. */
  drip?: boolean;
  /** Default: `good`. */
  certificate?: CertificateKind;
};

export type PolicyRequest = { path: string; method: string; servername: string; host: string };

export type PolicyHosts = {
  address: string;
  port: number;
  /** Domains without a behaviour have no policy host: the handshake fails. `undefined` takes it away. */
  set(domain: string, behaviour: PolicyHostBehaviour | undefined): void;
  /** What was asked for, in order. */
  requests(domain: string): PolicyRequest[];
  /** Refuses connections until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
};

export const POLICY_PATH = "/.well-known/mta-sts.txt";
const MOVED_PATH = "/moved/mta-sts.txt";
const DRIP_MS = 100;
const DRIP_FOR_MS = 5 * 60_000;

export async function startPolicyHosts(options: {
  host: string;
  /** 0 for a free one. */
  port: number;
  issue: (kind: CertificateKind, host: string) => Promise<Issued>;
}): Promise<PolicyHosts> {
  const behaviours = new Map<string, PolicyHostBehaviour>();
  const requests = new Map<string, PolicyRequest[]>();
  const contexts = new Map<string, Promise<SecureContext>>();

  // Certificates are made when first asked for: a lab of fifty domains starts at once.
  const contextFor = (servername: string): Promise<SecureContext> => {
    const kind = behaviours.get(domainOf(servername))?.certificate ?? "good";
    const key = `${kind} ${servername}`;
    const made =
      contexts.get(key) ??
      options
        .issue(kind, servername)
        .then(({ certPem, keyPem }) => createSecureContext({ cert: certPem, key: keyPem }));
    contexts.set(key, made);
    return made;
  };

  const server = createServer(
    {
      SNICallback: (servername, done) => {
        if (!behaviours.has(domainOf(servername))) return done(new Error(`no policy host ${servername}`));
        contextFor(servername).then((context) => done(null, context), done);
      },
    },
    (request, response) => {
      const seen = toPolicyRequest(request);
      const domain = domainOf(seen.servername);
      requests.set(domain, [...(requests.get(domain) ?? []), seen]);
      const behaviour = behaviours.get(domain);
      if (behaviour === undefined) response.writeHead(404).end();
      else answer(response, seen, behaviour);
    },
  );
  // Handshakes that a client breaks off, and that it should.
  server.on("tlsClientError", () => undefined);

  let listening: LoopbackServer | undefined = await listenOn(server, options);
  const { address, port } = listening;
  const down = async () => {
    const open = listening;
    listening = undefined;
    await open?.close();
  };
  return {
    address,
    port,
    set: (domain, behaviour) => {
      if (behaviour === undefined) behaviours.delete(domain);
      else behaviours.set(domain, behaviour);
    },
    requests: (domain) => requests.get(domain) ?? [],
    down,
    up: async () => {
      listening ??= await listenOn(server, { host: address, port });
    },
    close: down,
  };
}

const domainOf = (policyHost: string) => policyHost.replace(/^mta-sts\./, "");

function toPolicyRequest(request: IncomingMessage): PolicyRequest {
  const { servername } = request.socket as { servername?: string | false };
  return {
    path: request.url ?? "",
    method: request.method ?? "",
    servername: typeof servername === "string" ? servername : "",
    host: request.headers.host ?? "",
  };
}

function answer(response: ServerResponse, request: PolicyRequest, behaviour: PolicyHostBehaviour): void {
  const moved = request.path === MOVED_PATH && behaviour.redirect === true;
  if (request.path !== POLICY_PATH && !moved) return void response.writeHead(404).end();
  if (behaviour.redirect === true && !moved) {
    return void response.writeHead(301, { location: `https://${request.host}${MOVED_PATH}` }).end();
  }
  const { contentType = "text/plain" } = behaviour;
  response.writeHead(behaviour.status ?? 200, contentType === "" ? {} : { "content-type": contentType });
  const text = filledUp(behaviour.text, behaviour.sizeBytes ?? 0);
  if (behaviour.drip === true) dripInto(response, text);
  else response.end(text);
}

/** The policy stays well-formed: RFC 8461 section 3.2 lets a reader pass over fields it does not know. */
function filledUp(text: string, sizeBytes: number): string {
  const field = "x-filler: ";
  const missing = sizeBytes - text.length - field.length - 1;
  return missing < 0 ? text : `${text}${field}${"x".repeat(missing)}\n`;
}

function dripInto(response: ServerResponse, text: string): void {
  let sent = 0;
  const timer = setInterval(() => {
    response.write(text[sent] ?? "\n");
    sent += 1;
    if (sent * DRIP_MS >= DRIP_FOR_MS) response.destroy();
  }, DRIP_MS);
  response.on("close", () => clearInterval(timer));
}
