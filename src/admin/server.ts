/**
 * The admin port: who may ask, what browsers are told, and which part answers.
 * What is answered is decided in the routes.
 */
import type { AddressInfo } from "node:net";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { StoreError } from "../store/store-error.ts";
import { type DoorParts, enter } from "./door.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { Handled, Route } from "./route.ts";
import { strangeness } from "./same-origin.ts";
import { securityHeaders } from "./security-headers.ts";

export type AdminServerOptions = {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Of the moment: they may change while it runs. */
  door: () => DoorParts;
  names: () => string[];
  rateLimit: RateLimit;
  routes: Route[];
  /** Further things to answer, behind the same door. */
  pages: ((app: FastifyInstance) => void)[];
  /** Answered to everybody: for those who only ask whether it lives. */
  open: { path: string; answer: () => Promise<{ status: 200 | 503; body: unknown }> }[];
  onLoginFailed: (what: { client: string; user: string }) => void;
  onFault: (err: unknown) => void;
};

export type AdminServer = { address: string; port: number; close(): Promise<void> };

const MOST_BODY_BYTES = 256 * 1024;
const MOST_CONNECTIONS = 200;
/** A check of a domain, or a change of a long queue, may take as long. */
const LONGEST_ANSWER_MS = 6 * 60_000;

/** Rejects when the address cannot be listened on. */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const stopping = new AbortController();
  const app = createApp(options, stopping.signal);
  await app.listen({ host: options.host, port: options.port });
  app.server.maxConnections = MOST_CONNECTIONS;
  const { address, port } = app.server.address() as AddressInfo;
  return {
    address,
    port,
    close: async () => {
      stopping.abort(new Error("the relay stops"));
      await app.close();
    },
  };
}

function createApp(options: AdminServerOptions, stopping: AbortSignal): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: MOST_BODY_BYTES,
    requestTimeout: 30_000,
    keepAliveTimeout: 10_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 1_500 },
    // Unknown keys are an error, not left out: a misspelt restriction would widen a change of the queue.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: "array", allErrors: false } },
  });
  app.decorateRequest("by", "");
  app.server.setTimeout(LONGEST_ANSWER_MS);
  for (const { path, answer } of options.open) {
    app.get(path, async (_request, reply) => {
      const { status, body } = await answer();
      return reply.code(status).headers(securityHeaders("own")).send(body);
    });
  }
  const open = new Set(options.open.map(({ path }) => path));
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders("own"));
    return open.has(request.url) ? undefined : letIn(options, request, reply);
  });
  for (const route of options.routes) addRoute(app, route, stopping);
  for (const page of options.pages) page(app);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: "there is nothing here" }));
  app.setErrorHandler((error, _request, reply) => answerError(options, error, reply));
  return app;
}

/** Answers, and thereby ends the request, when it may not go on. */
async function letIn(options: AdminServerOptions, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { headers, method, ip } = request;
  if (!options.rateLimit.take(ip)) {
    return reply.code(429).header("retry-after", "1").send({ error: "too many requests: try again in a moment" });
  }
  const strange = strangeness(
    {
      method,
      host: headers.host,
      fetchSite: field(headers["sec-fetch-site"]),
      fetchMode: field(headers["sec-fetch-mode"]),
      origin: headers.origin,
    },
    options.names(),
  );
  if (strange !== undefined) return reply.code(403).send({ error: strange });
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  const entry = await enter(options.door(), { authorization: headers.authorization, address: ip }, gone.signal);
  switch (entry.kind) {
    case "in":
      request.by = entry.name;
      return undefined;
    case "later":
      return reply.code(429).header("retry-after", String(entry.seconds)).send({ error: "too many failed logins" });
    case "wrong":
      options.onLoginFailed({ client: ip, user: entry.name.slice(0, 128) });
      return askForLogin(reply);
    case "unknown":
      return askForLogin(reply);
  }
}

const field = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(",") : value);

const askForLogin = (reply: FastifyReply) =>
  reply
    .code(401)
    .header("www-authenticate", 'Basic realm="sts-relay", charset="UTF-8"')
    .send({ error: "a login is needed" });

function addRoute(app: FastifyInstance, route: Route, stopping: AbortSignal): void {
  const { method, path, params, query, body, handle } = route;
  app.route({
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ":$1"),
    schema: {
      ...(params === undefined ? {} : { params }),
      // Without any: so that a misspelt one is found out.
      querystring: query ?? { type: "object", properties: {}, additionalProperties: false },
      ...(body === undefined ? {} : { body }),
    },
    // What is answered is made here: it is not checked or cut once more for each answer, but by the tests.
    serializerCompiler: () => (data) => JSON.stringify(data),
    handler: async (request, reply) => {
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort(new Error("the client has gone away")));
      const asked = {
        params: request.params,
        query: request.query,
        body: request.body,
        by: request.by,
        signal: AbortSignal.any([gone.signal, stopping]),
      };
      const { status = 200, body }: Handled = await handle(asked as never);
      return reply.code(status).send(body);
    },
  });
}

function answerError({ onFault }: AdminServerOptions, error: unknown, reply: FastifyReply): FastifyReply {
  if (error instanceof StoreError) return reply.code(503).send({ error: error.message });
  const status = statusOf(error);
  if (status !== undefined && status < 500) {
    return reply.code(status).send({ error: error instanceof Error ? error.message : "the request is malformed" });
  }
  onFault(error);
  return reply.code(500).send({ error: "a fault of the relay: its log knows more" });
}

function statusOf(error: unknown): number | undefined {
  const status = typeof error === "object" && error !== null && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" ? status : undefined;
}

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks. */
    by: string;
  }
}
