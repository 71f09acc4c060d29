import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import {
  generateDkimKey,
  isSelector,
  keyRecord,
  keyRecordName,
  readDkimKey,
  zoneFileLine,
} from "../../src/dkim/key.ts";
import { programPath } from "../support/real-programs.ts";

test("a key that cannot be used is refused, with the reason (RFC 8301 section 3.2)", () => {
  const pem = (key: { export(options: object): string | Buffer }) =>
    key.export({ type: "pkcs8", format: "pem" }).toString();
  const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const ours = generateKeyPairSync("ed25519");
  const locked = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" } as const;
  const cases: [string, RegExp][] = [
    [pem(short), /1024 bits; 2048/],
    [pem(elliptic), /type ec/],
    [ours.privateKey.export(locked).toString(), /encrypted/],
    [ours.publicKey.export({ type: "spki", format: "pem" }).toString(), /no private key/],
    ["", /no private key/],
    ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", /no private key/],
  ];
  for (const [text, why] of cases) {
    const read = readDkimKey(text);
    assert.ok("wrong" in read && why.test(read.wrong), text);
  }
});

test("the published record holds the key that openssl derives (RFC 6376 section 3.6.1, RFC 8463 section 4)", () => {
  for (const type of ["rsa", "ed25519"] as const) {
    const pem = generateDkimKey(type);
    const read = readDkimKey(pem);
    assert.ok("privateKey" in read);
    assert.equal(read.type, type);
    const der = execFileSync(programPath("openssl"), ["pkey", "-pubout", "-outform", "DER"], { input: pem });
    const expected = (type === "rsa" ? der : der.subarray(-32)).toString("base64");
    assert.equal(keyRecord(read.privateKey), `v=DKIM1; k=${type}; p=${expected}`);
    const limited = keyRecord(read.privateKey, ["email", "tlsrpt"]);
    assert.equal(limited, `v=DKIM1; k=${type}; s=email:tlsrpt; p=${expected}`);
  }
});

test("a long record becomes strings of at most 255 bytes in the zone file", () => {
  const name = keyRecordName("s", "example.com");
  assert.equal(zoneFileLine(name, "short"), 's._domainkey.example.com. IN TXT "short"');
  const long = "x".repeat(300);
  const line = zoneFileLine(name, long);
  const strings = [...line.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? "");
  assert.deepEqual(
    strings.map((each) => each.length),
    [255, 45],
  );
  assert.equal(strings.join(""), long);
});

test("a selector is made of labels (RFC 6376 section 3.1)", () => {
  const cases = {
    s1: true,
    "2026.mail": true,
    "a-b_c": true,
    "": false,
    "-a": false,
    "a b": false,
    "a..b": false,
    "a;": false,
  };
  for (const [selector, expected] of Object.entries(cases)) assert.equal(isSelector(selector), expected, selector);
});
