import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { keyRecord, readDkimKey } from "../../src/dkim/key.ts";
import { makeTempDir } from "../support/temp-dir.ts";
import { stsRelay } from "./run.ts";

test("dkim keygen writes a key for its owner's eyes and prints the record that belongs to it, and never overwrites one", async () => {
  await using dir = await makeTempDir();
  const args = ["dkim", "keygen", "Example.COM", "--selector", "s1", "--type", "both", "--dir", dir.path];
  const made = await stsRelay(args, { cwd: dir.path });
  assert.equal(made.code, 0, made.stderr);
  for (const [selector, type] of [
    ["s1", "rsa"],
    ["s1-ed25519", "ed25519"],
  ]) {
    const file = join(dir.path, `example.com.${selector}.pem`);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const read = readDkimKey(await readFile(file, "utf8"));
    assert.ok("privateKey" in read);
    assert.equal(read.type, type);
    const line = made.stdout.split("\n").find((each) => each.startsWith(`${selector}._domainkey.example.com. IN TXT`));
    const strings = [...(line ?? "").matchAll(/"([^"]*)"/g)].map((match) => match[1]);
    assert.equal(strings.join(""), keyRecord(read.privateKey));
  }
  const before = await readFile(join(dir.path, "example.com.s1.pem"), "utf8");
  const again = await stsRelay(args, { cwd: dir.path });
  assert.equal(again.code, 1);
  assert.match(again.stderr, /is there already/);
  assert.equal(await readFile(join(dir.path, "example.com.s1.pem"), "utf8"), before);
});

test("dkim keygen says what is wrong with its arguments", async () => {
  await using dir = await makeTempDir();
  const cases: [string[], RegExp][] = [
    [["example.com", "--type", "dsa"], /dsa is no type of key/],
    [["example.com", "--selector", "a b"], /not a selector/],
    [["localhost"], /not a domain/],
    [[], /DOMAIN is missing/],
  ];
  for (const [args, why] of cases) {
    const { code, stderr } = await stsRelay(["dkim", "keygen", "--dir", dir.path, ...args], { cwd: dir.path });
    assert.equal(code, 2);
    assert.match(stderr, why);
  }
});
