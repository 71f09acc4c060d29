import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { plainEnvironment, run } from "../cli/run.ts";
import { directory } from "../config/read.ts";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

/** A checkout whose modules are never too old: the scripts must not replace them while other tests run. */
function checkout(t: TestContext): string {
  const root = directory(t);
  for (const name of ["scripts", "src", "node_modules", "package.json"])
    symlinkSync(join(CHECKOUT, name), join(root, name));
  return root;
}

test("scripts/test ends with the count, and with a failure when a test fails", async (t) => {
  const dir = directory(t, {
    "good.test.ts": `import { test } from "node:test"; test("one", () => {}); test("two", () => {});`,
    "bad.test.ts": `import { test } from "node:test"; test("three", () => { throw new Error("no"); });`,
  });
  const root = checkout(t);
  const [good, bad] = [join(dir, "good.test.ts"), join(dir, "bad.test.ts")];
  const cases: [string[], number, string][] = [
    [[good], 0, "2 passed, 0 failed"],
    [[good, bad], 1, "2 passed, 1 failed"],
    [[join(dir, "none.test.ts")], 1, "0 passed, 1 failed"],
  ];
  for (const [files, expected, line] of cases) {
    const { code, stdout } = await run(join(root, "scripts/test"), files, { cwd: dir, env: plainEnvironment() });
    assert.deepEqual([code, stdout.trim().split("\n").at(-1)], [expected, line]);
  }
});

test("scripts/start hands its arguments to the relay, and --lab to the lab", async (t) => {
  const cwd = directory(t);
  const root = checkout(t);
  const cases: [string[], RegExp][] = [
    [["--help"], /^sts-relay start:/],
    [["--lab", "--help"], /^sts-relay lab:/],
  ];
  for (const [args, expected] of cases) {
    const { code, stdout } = await run(join(root, "scripts/start"), args, { cwd, env: plainEnvironment() });
    assert.equal(code, 0);
    assert.match(stdout, expected);
  }
});
