/** `sts-relay healthcheck`: does the relay of this configuration take mail? For containers and service managers. */
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ReadinessReport } from "../admin/readiness.ts";
import type { Config, Listener } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { ConfigError } from "../config/problem.ts";
import { whereToLoad } from "./checked-config.ts";
import { CONFIG_OPTION, defineCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

const LIMIT_MS = 4_000;

export const healthcheckCommand = defineCommand({
  name: "healthcheck",
  summary: "ask whether the relay on this machine takes mail",
  details:
    "Asks the admin port (/readyz), or where there is none connects to the first listener of the\n" +
    "configuration and waits for its greeting. A relay that only delivers has no listener: without\n" +
    "an admin port nothing is known of it. Prints nothing when all is well.",
  options: { config: CONFIG_OPTION },
  async run({ config: file }) {
    const config = readConfig(file);
    const listener = config?.submission.listeners[0];
    if (config === undefined || listener === undefined) return EXIT.config;
    const problem =
      (await readinessProblem(config.admin)) ??
      (config.role === "delivery" ? undefined : await greetingProblem(listener));
    if (problem === undefined) return EXIT.ok;
    process.stderr.write(`sts-relay healthcheck: ${problem}\n`);
    return EXIT.unavailable;
  },
});

function readConfig(file: string | undefined): Config | undefined {
  try {
    return loadConfig(whereToLoad(file)).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return undefined;
  }
}

/**
 * `undefined` where all is well, or where the admin port tells nothing: it may be
 * taken by another, and the listener knows too. A resolver that is away is no
 * reason to start the relay anew: mail is taken, and waits.
 */
async function readinessProblem({ enabled, host, port }: Config["admin"]): Promise<string | undefined> {
  if (!enabled || port === 0) return undefined;
  const name = reachable(host);
  try {
    const url = `http://${name.includes(":") ? `[${name}]` : name}:${port}/readyz`;
    const response = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS) });
    const { checks } = (await response.json()) as Partial<ReadinessReport>;
    const wrong = Object.entries(checks ?? {}).filter(([part, { ok }]) => part !== "resolver" && !ok);
    return wrong.length === 0 ? undefined : wrong.map(([part, { detail = "" }]) => `${part}: ${detail}`).join("; ");
  } catch {
    return undefined;
  }
}

/** `undefined` for a listener that greets with 220. */
async function greetingProblem({ host, port, tls }: Listener): Promise<string | undefined> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const where = { host: reachable(host), port };
  // Whether it answers is asked, not who it is: the name in its certificate is the clients' matter.
  const socket = tls === "implicit" ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where);
  try {
    const [chunk] = (await once(socket, "data", { signal })) as [Buffer];
    const greeting = chunk.toString("latin1").split("\r\n", 1)[0] ?? "";
    return greeting.startsWith("220") ? undefined : `${host}:${port} greets with "${greeting}"`;
  } catch {
    return `${host}:${port} ${signal.aborted ? `does not greet within ${LIMIT_MS / 1000} s` : "cannot be connected to"}`;
  } finally {
    socket.destroy();
  }
}

/** All addresses of the machine: the loopback one is among them. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
