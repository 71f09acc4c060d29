import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";

const MODULES = ["log", "whole-lines"].map((name) => new URL(`../../src/observe/${name}.ts`, import.meta.url).href);
const PROGRAM = `
  const [{ createLog }, { wholeLines }] = await Promise.all(${JSON.stringify(MODULES)}.map((file) => import(file)));
  const log = createLog({ level: "info", format: "json", ...wholeLines({ format: "json" }) });
  for (let i = 0; i < 3_000; i++) {
    log.info({ i, detail: "x".repeat(37 * (i % 23)) }, "a line");
    if (i % 100 === 0) await new Promise(setImmediate);
  }
`;

test("lines of several processes into one pipe stay whole", async () => {
  const one = `"${process.execPath}" --input-type=module -e '${PROGRAM}'`;
  const child = spawn("sh", ["-c", `${one} & ${one} & wait`], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  // The pipe fills meanwhile, and writes come in pieces.
  await sleep(300);
  const lines: unknown[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  await closed;
  assert.equal(lines.length, 6_000);
});
