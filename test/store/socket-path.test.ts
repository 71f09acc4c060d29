import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makePrivateDirectory, socketPathFor } from "../../src/store/socket-path.ts";

test("the socket lies in the data directory, or where its path is short enough for a socket", () => {
  assert.equal(socketPathFor("/var/lib/relay", "/tmp"), "/var/lib/relay/redis.sock");
  const long = `/${"x".repeat(100)}`;
  assert.match(socketPathFor(long, "/tmp"), /^\/tmp\/sts-relay-[0-9a-f]{16}\/redis\.sock$/);
  assert.equal(socketPathFor(long, "/tmp"), socketPathFor(long, "/tmp"));
  assert.notEqual(socketPathFor(long, "/tmp"), socketPathFor(`${long}y`, "/tmp"));
  assert.throws(() => socketPathFor(long, long), /too long/);
});

test("the length that counts is that of the bytes", () => {
  assert.match(socketPathFor(`/${"ü".repeat(60)}`, "/tmp"), /^\/tmp\//);
});

test("the data directory is made so that only we can enter it, also when it was there with a wider mode", () => {
  const parent = mkdtempSync(join(tmpdir(), "sts-relay-test-"));
  try {
    const made = join(parent, "a", "b");
    makePrivateDirectory(made);
    assert.equal(statSync(made).mode & 0o777, 0o700);
    const wide = join(parent, "wide");
    mkdirSync(wide);
    chmodSync(wide, 0o755);
    makePrivateDirectory(wide);
    assert.equal(statSync(wide).mode & 0o777, 0o700);
  } finally {
    rmSync(parent, { recursive: true });
  }
});

test("a file, or a link that another put there, is no data directory", () => {
  const parent = mkdtempSync(join(tmpdir(), "sts-relay-test-"));
  try {
    writeFileSync(join(parent, "file"), "");
    mkdirSync(join(parent, "elsewhere"));
    symlinkSync(join(parent, "elsewhere"), join(parent, "link"));
    for (const name of ["file", "link"]) {
      assert.throws(() => makePrivateDirectory(join(parent, name)), /not a directory|EEXIST/, name);
    }
  } finally {
    rmSync(parent, { recursive: true });
  }
});
