import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { lockDirectory } from "../../src/store/directory-lock.ts";
import { hasEnded, identify, isSame } from "../../src/store/process-identity.ts";

function inDirectory(use: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "sts-relay-test-"));
  try {
    use(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("a second relay on the directory is refused with the number of the first, and let in when that has gone", () =>
  inDirectory((dir) => {
    const lock = lockDirectory(dir);
    assert.throws(() => lockDirectory(dir), new RegExp(`in use by process ${process.pid}:`));
    lock.release();
    lockDirectory(dir).release();
    assert.deepEqual(readdirSync(dir), []);
  }));

test("a lock left by a crash is taken over: its process is gone, another has its number, or it cannot be read", () =>
  inDirectory((dir) => {
    const left = [{ pid: 2 ** 22 + 1, startedAt: "1" }, { pid: process.pid, startedAt: "long ago" }, {}];
    for (const content of [...left.map((each) => JSON.stringify(each)), "", "{"]) {
      writeFileSync(join(dir, "relay.lock"), content);
      lockDirectory(dir).release();
    }
  }));

test("a lock is released by its holder only", () =>
  inDirectory((dir) => {
    const first = lockDirectory(dir);
    rmSync(join(dir, "relay.lock"));
    const second = lockDirectory(dir);
    first.release();
    assert.throws(() => lockDirectory(dir), /in use/);
    second.release();
  }));

test("a process is known by number and time of start, and gone when it has ended", async () => {
  const child = spawn("sleep", ["60"]);
  const identity = identify(child.pid ?? 0);
  assert.ok(identity !== undefined && isSame(identity));
  assert.equal(isSame({ ...identity, startedAt: "another time" }), false);
  assert.equal(await hasEnded(identity, 0), false);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal(await hasEnded(identity, 5_000), true);
  for (const pid of [0, -1, Number.NaN]) assert.equal(identify(pid), undefined);
});
