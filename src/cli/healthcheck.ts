/** `sts-relay healthcheck`: does the relay of this configuration take mail? For containers and service managers. */
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Listener } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { ConfigError } from "../config/problem.ts";
import { whereToLoad } from "./checked-config.ts";
import { CONFIG_OPTION, defineCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

const LIMIT_MS = 4_000;

export const healthcheckCommand = defineCommand({
  name: "healthcheck",
  summary: "ask whether the relay on this machine takes mail",
  details: "Connects to the first listener of the configuration and waits for its greeting. Prints nothing when all is well.",
  options: { config: CONFIG_OPTION },
  async run({ config: file }) {
    const listener = firstListener(file);
    if (listener === undefined) return EXIT.config;
    const problem = await greetingProblem(listener);
    if (problem === undefined) return EXIT.ok;
    process.stderr.write(`sts-relay healthcheck: ${listener.host}:${listener.port} ${problem}\n`);
    return EXIT.unavailable;
  },
});

function firstListener(file: string | undefined): Listener | undefined {
  try {
    return loadConfig(whereToLoad(file)).config.submission.listeners[0];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
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
    return greeting.startsWith("220") ? undefined : `greets with "${greeting}"`;
  } catch {
    return signal.aborted ? `does not greet within ${LIMIT_MS / 1000} s` : "cannot be connected to";
  } finally {
    socket.destroy();
  }
}

/** All addresses of the machine: the loopback one is among them. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
