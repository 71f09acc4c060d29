/**
 * A policy host for tests: a real HTTPS server on loopback, with certificates
 * as it is told, that remembers who came.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { createSecureContext, type SecureContextOptions, type TLSSocket } from "node:tls";
import type { Authority, Issued } from "../../../src/lab/authority.ts";

export type Respond = (request: IncomingMessage, response: ServerResponse) => void;

export type PolicyHost = {
  port: number;
  /** Requests so far, in order. */
  requests: { host: string | undefined; url: string | undefined; method: string | undefined; servername: unknown }[];
  /** TCP connections so far. */
  connections: number;
  respond: Respond;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Serves `text` as a policy. */
export const serve =
  (text: string | Uint8Array, headers: Record<string, string> = {}, status = 200): Respond =>
  (_request, response) =>
    void response.writeHead(status, { "content-type": "text/plain", ...headers }).end(text);

/** @param certificateFor for the name that the client asks for. Default: a good one of `authority` */
export async function startPolicyHost(
  authority: Authority,
  certificateFor: (servername: string) => Promise<Issued> = (servername) => authority.issue({ names: [servername] }),
  options: SecureContextOptions = {},
): Promise<PolicyHost> {
  const contexts = new Map<string, Promise<Issued>>();
  const sockets = new Set<Duplex>();
  const server = createServer({
    ...options,
    SNICallback: (servername, callback) => {
      const issued = contexts.get(servername) ?? certificateFor(servername);
      contexts.set(servername, issued);
      issued.then(
        ({ certPem, keyPem }) => callback(null, createSecureContext({ ...options, cert: certPem, key: keyPem })),
        (error: Error) => callback(error),
      );
    },
  });
  server.on("connection", (socket) => {
    host.connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => undefined);
  server.on("request", (request, response) => {
    const { servername } = request.socket as TLSSocket & { servername: unknown };
    host.requests.push({ host: request.headers.host, url: request.url, method: request.method, servername });
    response.on("error", () => undefined);
    host.respond(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host: PolicyHost = {
    port: (server.address() as AddressInfo).port,
    requests: [],
    connections: 0,
    respond: serve("", {}, 404),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return host;
}
