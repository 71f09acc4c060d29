/** One operation of the API: what it takes, what it answers, and what it does. */
import type { Checked, RequestSchema, Schema } from "./schema.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

export type Handled = {
  /** Default: 200. */
  status?: 200 | 404 | 409 | 422 | 429;
  body: unknown;
};

export type Asked<Params, Query, Body> = {
  params: Params;
  query: Query;
  body: Body;
  /** Who asks, for the trail. */
  by: string;
  /** Aborted when the client goes away, or the relay stops. */
  signal: AbortSignal;
};

type About = {
  method: Method;
  /** As OpenAPI writes it: `/api/messages/{id}`. */
  path: string;
  /** In the document. Unique. */
  id: string;
  section: string;
  summary: string;
  details?: string;
  params?: RequestSchema;
  query?: RequestSchema;
  body?: RequestSchema;
  answer: Schema;
  /** Answers besides 200, with what each means. They hold `{ "error": "..." }`. */
  others?: Partial<Record<404 | 409 | 422 | 429, string>>;
};

export type Route = About & { handle: (asked: Asked<never, never, never>) => Promise<Handled> };

export function route<
  P extends RequestSchema | undefined = undefined,
  Q extends RequestSchema | undefined = undefined,
  B extends RequestSchema | undefined = undefined,
>(
  about: Omit<About, "params" | "query" | "body"> & { params?: P; query?: Q; body?: B },
  handle: (asked: Asked<Checked<P>, Checked<Q>, Checked<B>>) => Promise<Handled>,
): Route {
  return { ...about, handle } as unknown as Route;
}

export const ok = (body: unknown): Handled => ({ body });
export const missing = (error: string): Handled => ({ status: 404, body: { error } });
export const unusable = (error: string): Handled => ({ status: 422, body: { error } });
