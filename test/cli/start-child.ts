import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { directory } from "../config/read.ts";
import { LAUNCHER, plainEnvironment } from "./run.ts";

type Line = { event?: string; msg?: string; [key: string]: unknown };

export type ChildRelay = {
  child: ChildProcess;
  /** Its configuration file. */
  file: string;
  lines: Line[];
  /** Resolves with the first line of this event beyond the first `after` lines, written already or later. */
  logged: (event: string, after?: number) => Promise<Line>;
};

/** A relay in a child process, with a Redis of its own; resolves once it takes mail. */
export async function startChild(t: TestContext, yaml = ""): Promise<ChildRelay> {
  const env = plainEnvironment({ RELAY_SUBMISSION__LISTENERS: "[{ port: 0 }]", RELAY_DNS__SERVERS: "127.0.0.1:1" });
  const cwd = directory(t, { "config/relay.yaml": yaml });
  const child = spawn(process.execPath, [LAUNCHER, "start"], { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const lines: Line[] = [];
  const looking = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(JSON.parse(line) as Line);
    for (const look of looking) look();
  });
  const logged = (event: string, after = 0) =>
    new Promise<Line>((resolve, reject) => {
      const look = () => {
        const line = lines.slice(after).find((one) => one.event === event);
        if (line === undefined) return;
        looking.delete(look);
        resolve(line);
      };
      child.once("exit", (code) => reject(new Error(`it ended with ${code} before "${event}"`)));
      looking.add(look);
      look();
    });
  await logged("started");
  return { child, file: join(cwd, "config/relay.yaml"), lines, logged };
}
