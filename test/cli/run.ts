/** Runs the command line as a child, as a shell would. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const LAUNCHER = fileURLToPath(new URL("../../src/sts-relay.js", import.meta.url));

export type Ended = { code: number | null; stdout: string; stderr: string };

/** The environment without the variables that would change a configuration, or make a test of the child. */
export function plainEnvironment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:RELAY_|REDIS_URL$|NODE_TEST_CONTEXT$|NODE_OPTIONS$)/.test(name),
  );
  return { ...Object.fromEntries(kept), ...extra };
}

/** `stsRelay` with another program: `node` and the launcher are the default. */
export async function run(
  file: string,
  args: string[],
  options: { cwd: string; input?: string; env?: NodeJS.ProcessEnv },
): Promise<Ended> {
  const child = spawn(file, args, { cwd: options.cwd, env: options.env ?? plainEnvironment(), timeout: 60_000 });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

export const stsRelay = (args: string[], options: Parameters<typeof run>[2]) =>
  run(process.execPath, [LAUNCHER, ...args], options);
