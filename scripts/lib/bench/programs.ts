/** Programs as children, each in a group whose CPU time is counted. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import type { CpuMeter, Group } from "./cpu.ts";

export type Program = {
  pid: number;
  child: ChildProcess;
  /** Resolves when it has ended. SIGKILL when it does not within the time. */
  stop(signal?: NodeJS.Signals, limitMs?: number): Promise<void>;
};

type Settings = { env?: Record<string, string>; log?: string; cwd?: string; stdin?: "pipe" };

export type Programs = {
  start(group: Group, command: string[], settings?: Settings): Program;
  /** Resolves to what it printed; throws when it ends with anything but 0. */
  run(group: Group, command: string[], settings?: Settings & { limitMs?: number }): Promise<string>;
};

export function createPrograms(meter: CpuMeter): Programs {
  const launch = (group: Group, command: string[], settings: Settings, output: "pipe" | number): ChildProcess => {
    const [file = "", ...args] = meter.within(group, command);
    const child = spawn(file, args, {
      cwd: settings.cwd,
      env: { ...cleanEnvironment(process.env), ...settings.env },
      stdio: [settings.stdin ?? "ignore", output, output === "pipe" ? "pipe" : output],
    });
    if (child.pid !== undefined) meter.adopt(group, child.pid);
    return child;
  };
  return {
    start(group, command, settings = {}) {
      const log = settings.log === undefined ? undefined : openSync(settings.log, "a");
      const child = launch(group, command, settings, log ?? "pipe");
      if (log !== undefined) closeSync(log);
      return {
        pid: child.pid ?? 0,
        child,
        stop: (signal = "SIGTERM", limitMs = 20_000) => end(child, signal, limitMs),
      };
    },
    async run(group, command, { limitMs = 60_000, ...settings } = {}) {
      const child = launch(group, command, settings, "pipe");
      const text = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const)
        child[name]?.setEncoding("utf8").on("data", (piece: string) => (text[name] += piece));
      const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
      const [code] = (await once(child, "close")) as [number | null];
      clearTimeout(timer);
      if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${text.stderr}${text.stdout}`);
      return text.stdout;
    },
  };
}

/** Without what would change the configuration of a relay. */
function cleanEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(?:RELAY_|REDIS_URL$|NODE_OPTIONS$|MAIL_CONFIG$)/.test(name)),
  );
}

async function end(child: ChildProcess, signal: NodeJS.Signals, limitMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  await ended;
  clearTimeout(timer);
}
