/**
 * The API as an OpenAPI 3.1 document, made from the same schemas that requests
 * are checked against.
 */
import type { Route } from "./route.ts";
import { answer, type RequestSchema, type Schema, TEXT } from "./schema.ts";

const error = answer({ error: TEXT });

const COMMON = {
  400: "The request is malformed.",
  401: "A login is needed.",
  403: "A page of another site has asked, or this name does not lead here.",
  429: "Too many requests, or failed logins.",
  503: "Redis is away.",
};

export function openApiDocument(routes: Route[], about: { version: string }): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "sts-relay",
      version: about.version,
      description:
        "What the relay does with mail, and why; and the verbs of its operators. Times are ISO 8601, in UTC. Requests that change something have a body of JSON, if any.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ basic: [] }, { token: [] }],
    tags: [...new Set(routes.map(({ section }) => section))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        basic: { type: "http", scheme: "basic", description: "admin.users, or any name with admin.token." },
        token: { type: "http", scheme: "bearer", description: "admin.token" },
      },
      schemas: { Error: error },
    },
  };
}

function operationOf({ id, section, summary, details, params, query, body, answer, others }: Route) {
  const parameters = [...parametersOf(params, "path"), ...parametersOf(query, "query")];
  const failures = Object.entries({ ...COMMON, ...others }).map(([status, description]) => [
    status,
    { description, content: json({ $ref: "#/components/schemas/Error" }) },
  ]);
  return {
    operationId: id,
    tags: [section],
    summary,
    ...(details === undefined ? {} : { description: details }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: { 200: { description: summary, content: json(answer) }, ...Object.fromEntries(failures) },
  };
}

function parametersOf(schema: RequestSchema | undefined, place: "path" | "query") {
  return Object.entries(schema?.properties ?? {}).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: schema?.required.includes(name) ?? false,
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

const json = (schema: Schema | RequestSchema | { $ref: string }) => ({ "application/json": { schema } });
