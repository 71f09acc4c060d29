import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";

const MODULE = new URL("../../src/cli/stop-signals.ts", import.meta.url);

/** Waits for the first signal, says so, and then would run for ever. */
const PROGRAM = `
import { watchStopSignals } from "${MODULE.href}";
setInterval(() => {}, 60_000);
const signals = watchStopSignals();
console.log("ready");
console.log(await signals.first);
`;

test("the first signal is told, the second ends the process with 128 and its number", async (t) => {
  const cases = { SIGTERM: 143, SIGINT: 130 } as const;
  for (const [signal, expected] of Object.entries(cases) as ["SIGTERM" | "SIGINT", number][]) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const ended = once(child, "exit") as Promise<[number | null]>;
    const lines = createInterface({ input: child.stdout });
    const said: string[] = [];
    for await (const line of lines) {
      said.push(line);
      child.kill(signal);
    }
    assert.deepEqual(said, ["ready", signal]);
    assert.equal((await ended)[0], expected);
  }
});
