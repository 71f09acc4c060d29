/**
 * One address where policies are served, over HTTPS or, behind a proxy, over
 * HTTP. RFC 8461 section 3.3. What is answered is decided in `answer.ts`.
 *
 * Everybody may ask and nobody is known: each connection has little time and
 * room, and there are not many at a time.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { answerWith, type HttpAnswer, type PolicyRequest, readRequest } from "./answer.ts";
import { type Certificates, createCertificates, type PemCertificate } from "./certificates.ts";
import type { OwnPolicies } from "./policies.ts";

export type PolicyServerOptions = {
  host: string;
  /** 0 takes a free one. */
  port: number;
  tls: "implicit" | "none";
  /** At least one, where TLS is `implicit`. The first is shown to who asks for no name of ours. */
  certificates: PemCertificate[];
  policies: Pick<OwnPolicies, "policyOf">;
  /** Told of each answer. */
  onAnswer?: (what: { client: string; host: string; method: string; status: number }) => void;
  onFault: (err: unknown) => void;
};

export type PolicyServer = {
  address: string;
  port: number;
  /** For handshakes from now on. Throws, and keeps the old ones, when one cannot be used. */
  updateCertificates(certificates: PemCertificate[]): void;
  close(): Promise<void>;
};

const LIMITS = {
  /** Of the request line and all fields. */
  maxHeaderSize: 8 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 2_000,
};
/** Silence on a connection, also of one who does not read what is sent. */
const IDLE_MS = 20_000;
const HANDSHAKE_MS = 10_000;
const MOST_CONNECTIONS = 1_000;
const MOST_REQUESTS = 100;

/** Rejects when the address cannot be listened on. */
export async function startPolicyServer(options: PolicyServerOptions): Promise<PolicyServer> {
  const handler = (request: IncomingMessage, response: ServerResponse) => {
    respond(options, request, response).catch((err: unknown) => {
      options.onFault(err);
      response.destroy();
    });
  };
  const tls = options.tls === "implicit" ? createTls(options.certificates) : undefined;
  const server = tls === undefined ? createServer(LIMITS, handler) : createTlsServer({ ...LIMITS, ...tls.options });
  if (tls !== undefined) server.on("request", handler);
  // Those in the middle of a handshake too, which the HTTP server does not know yet.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.setTimeout(IDLE_MS);
  server.maxConnections = MOST_CONNECTIONS;
  server.maxRequestsPerSocket = MOST_REQUESTS;
  await once(server.listen(options.port, options.host), "listening");
  // Before listening, an error is the caller's; after it, of accepting a connection.
  server.on("error", options.onFault);
  const { address, port } = server.address() as AddressInfo;
  return {
    address,
    port,
    updateCertificates: (pems) => tls?.update(server as TlsServer, pems),
    // An answer is small and made in no time: there is nothing worth waiting for.
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function createTls(first: PemCertificate[]) {
  let certificates: Certificates = createCertificates(first);
  return {
    options: {
      ...first[0],
      minVersion: "TLSv1.2" as const,
      handshakeTimeout: HANDSHAKE_MS,
      // No context: the first certificate. A name that does not fit explains itself better than a broken handshake.
      SNICallback: (
        name: string,
        done: (error: Error | null, context?: ReturnType<Certificates["contextFor"]>) => void,
      ) => done(null, certificates.contextFor(name)),
    },
    update: (server: TlsServer, pems: PemCertificate[]) => {
      const renewed = createCertificates(pems);
      server.setSecureContext({ ...pems[0], minVersion: "TLSv1.2" });
      certificates = renewed;
    },
  };
}

async function respond(
  options: PolicyServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asked = toPolicyRequest(request);
  const answer = await answerTo(options.policies, asked);
  // Nothing in a request's body is wanted: it is not read on, and the connection ends.
  if (hasBody(request)) response.shouldKeepAlive = false;
  const length = answer.status === 304 ? {} : { "content-length": Buffer.byteLength(answer.body) };
  response.writeHead(answer.status, { ...answer.headers, ...length, "x-content-type-options": "nosniff" });
  // To HEAD, Node sends the head alone.
  response.end(answer.body);
  options.onAnswer?.({
    client: request.socket.remoteAddress ?? "",
    host: asked.hosts[0] ?? "",
    method: asked.method,
    status: answer.status,
  });
}

async function answerTo(policies: PolicyServerOptions["policies"], request: PolicyRequest): Promise<HttpAnswer> {
  const asked = readRequest(request);
  if (asked.kind === "refused") return asked.answer;
  return answerWith(await policies.policyOf(asked.domain), request.ifNoneMatch);
}

const toPolicyRequest = (request: IncomingMessage): PolicyRequest => ({
  method: request.method ?? "",
  target: request.url ?? "",
  hosts: request.headersDistinct["host"] ?? [],
  ifNoneMatch: request.headers["if-none-match"],
});

/** RFC 9112 section 6.3. */
const hasBody = ({ headers }: IncomingMessage) =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
