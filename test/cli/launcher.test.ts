import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { constants, getPriority } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { directory } from "../config/read.ts";
import { LAUNCHER, run } from "./run.ts";

/** Makes a Node.js that says it is old. */
const OLD = ["--import", `data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.0.0"})`];
const installed = existsSync(fileURLToPath(new URL("../../node_modules/node/bin/node", import.meta.url)));

test(
  "an old Node.js hands over to the installed one, with arguments and exit code",
  { skip: !installed },
  async (t) => {
    const cwd = directory(t);
    const { code, stdout, stderr } = await run(process.execPath, [...OLD, LAUNCHER, "strat"], { cwd });
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /did you mean "start"\?/);
  },
);

test("an old Node.js handed over passes standard input on", { skip: !installed }, async (t) => {
  const { code, stdout } = await run(process.execPath, [...OLD, LAUNCHER, "hash-password"], {
    cwd: directory(t),
    input: "x\n",
  });
  assert.equal(code, 0);
  assert.match(stdout, /^\$scrypt\$/);
});

test("an old Node.js with no other says what to do and ends with 69", async (t) => {
  const cwd = directory(t);
  mkdirSync(join(cwd, "src"));
  cpSync(LAUNCHER, join(cwd, "src/sts-relay.js"));
  // `.js` is read as a module here as it is in the checkout.
  cpSync(new URL("../../package.json", import.meta.url), join(cwd, "package.json"));
  const { code, stderr } = await run(process.execPath, [...OLD, join(cwd, "src/sts-relay.js"), "start"], { cwd });
  assert.equal(code, 69);
  assert.match(stderr, /^sts-relay needs Node\.js 24 or later; .*\n.*scripts\/start/);
});

test("a command gives way to a relay on the same machine; the relay and what watches over it do not", async (t) => {
  const cwd = directory(t);
  const tellPriority = `data:text/javascript,import{getPriority}from"node:os";process.on("exit",()=>console.error(getPriority()))`;
  const own = getPriority();
  const lower = Math.max(own, constants.priority.PRIORITY_BELOW_NORMAL);
  for (const [command, expected] of Object.entries({ queue: lower, messages: lower, start: own, healthcheck: own })) {
    const { code, stderr } = await run(process.execPath, ["--import", tellPriority, LAUNCHER, command, "--help"], {
      cwd,
    });
    assert.deepEqual([code, stderr], [0, `${expected}\n`], command);
  }
});
