import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { directory } from "../config/read.ts";
import { LAUNCHER, plainEnvironment } from "./run.ts";

/** A relay in a child process, with a Redis of its own; resolves once it takes mail. */
async function startChild(t: TestContext): Promise<{ child: ChildProcess; lines: Record<string, unknown>[] }> {
  const env = plainEnvironment({ RELAY_SUBMISSION__LISTENERS: "[{ port: 0 }]", RELAY_DNS__SERVERS: "127.0.0.1:1" });
  const child = spawn(process.execPath, [LAUNCHER, "start"], {
    cwd: directory(t),
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const lines: Record<string, unknown>[] = [];
  const started = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
    if (lines.at(-1)?.["event"] === "started") started.resolve();
  });
  child.once("exit", (code) => started.reject(new Error(`it ended with ${code}`)));
  await started.promise;
  return { child, lines };
}

test("start runs until SIGTERM, then stops in good order and ends with 0", async (t) => {
  const { child, lines } = await startChild(t);
  child.kill("SIGTERM");
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 0);
  const events = lines.map((line) => line["event"]);
  assert.ok(events.includes("stopping"));
  assert.equal(events.at(-1), "stopped");
});

test("SIGHUP does not end it", async (t) => {
  const { child } = await startChild(t);
  child.kill("SIGHUP");
  child.kill("SIGINT");
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 0);
});
