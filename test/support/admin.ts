/** A relay in the lab with its admin port open. */
import type { Lab } from "../../src/lab/lab.ts";
import { type SettingsTree, startTestRelay, type TestRelay } from "./relay.ts";

export type AdminRelay = TestRelay & {
  /** `http://127.0.0.1:40123` */
  url: string;
  /** Asks for JSON. */
  ask(path: string, request?: Ask): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>;
};

export type Ask = { method?: string; body?: unknown; headers?: Record<string, string> };

export async function startAdminRelay(lab: Lab | undefined, change: SettingsTree = {}): Promise<AdminRelay> {
  const { admin, ...others } = change;
  const relay = await startTestRelay(lab, { ...others, admin: { enabled: true, port: 0, ...(admin as SettingsTree) } });
  const url = () => `http://127.0.0.1:${relay.relay.admin?.port}`;
  return Object.defineProperties(relay, {
    url: { get: url },
    ask: {
      value: async (path: string, { method = "GET", body, headers = {} }: Ask = {}) => {
        const json = body === undefined ? {} : { "content-type": "application/json" };
        const response = await fetch(url() + path, {
          method,
          headers: { ...json, ...headers },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
        return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : { text } };
      },
    },
  }) as AdminRelay;
}
