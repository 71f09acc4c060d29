import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { join } from "node:path";
import { before, test } from "node:test";
import { settingName } from "../../src/config/problem.ts";
import { createAuthority } from "../../src/lab/authority.ts";
import { configProblems } from "../../src/relay/check.ts";
import { hashPassword } from "../../src/submission/password-hash.ts";
import { directory, lines, read } from "../config/read.ts";

const files: Record<string, string> = {};

before(async () => {
  const authority = await createAuthority();
  const [good, other, expired, later] = await Promise.all([
    authority.issue({ names: ["relay.example"] }),
    authority.issue({ names: ["other.example"] }),
    authority.issue({ names: ["old.example"], notBefore: new Date("2020-01-01"), notAfter: new Date("2021-01-01") }),
    authority.issue({ names: ["new.example"], notBefore: new Date("2090-01-01"), notAfter: new Date("2091-01-01") }),
  ]);
  const locked = createPrivateKey(good.keyPem).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "x",
  });
  Object.assign(files, {
    "cert.pem": good.certPem,
    "key.pem": good.keyPem,
    "other.key": other.keyPem,
    "old.pem": expired.certPem,
    "old.key": expired.keyPem,
    "later.pem": later.certPem,
    "later.key": later.keyPem,
    "ca.pem": authority.caPem,
    "locked.key": locked,
    "text.pem": "no PEM",
    "broken.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  });
});

test("settings that do not go together, and files that are not what they should be, are found", async (t) => {
  const dir = directory(t, files);
  const certificate = (cert: string, key: string) =>
    `submission: { certificate: { certFile: ${join(dir, cert)}, keyFile: ${join(dir, key)} } }`;
  const hash = await hashPassword("x");
  const withUsers = certificate("cert.pem", "key.pem").replace(" } }", " }, users:");
  const user = `{ name: app, passwordHash: "${hash}" }`;
  const cases: [yaml: string, ...found: [severity: string, setting: string, what: RegExp][]][] = [
    [""],
    ["role: submission\nredis: { url: redis://127.0.0.1 }"],
    ["role: submission", ["error", "role", /nothing would deliver the mail/]],
    ["role: delivery\nprocesses: 2", ["error", "role", /no mail to deliver/]],
    [certificate("cert.pem", "key.pem")],
    [
      certificate("cert.pem", "other.key"),
      ["error", "submission.certificate.keyFile", /other\.key is not the key of .*cert\.pem/],
    ],
    [certificate("old.pem", "old.key"), ["warning", "submission.certificate.certFile", /expired on/]],
    [certificate("later.pem", "later.key"), ["warning", "submission.certificate.certFile", /valid only from/]],
    [certificate("cert.pem", "locked.key"), ["error", "submission.certificate.keyFile", /is encrypted/]],
    [
      certificate("text.pem", "none.key"),
      ["error", "submission.certificate.certFile", /holds no certificate/],
      ["error", "submission.certificate.keyFile", /none\.key does not exist/],
    ],
    [
      certificate("broken.pem", "text.pem"),
      ["error", "submission.certificate.certFile", /cannot be read/],
      ["error", "submission.certificate.keyFile", /holds no private key/],
    ],
    [`tls: { caFile: ${join(dir, "ca.pem")} }`],
    [`tls: { caFile: ${join(dir, "key.pem")} }`, ["error", "tls.caFile", /holds no certificate/]],
    [`redis: { caFile: ${dir} }`, ["error", "redis.caFile", /cannot be read \(EISDIR\)/]],
    ["submission: { listeners: [{ tls: starttls }] }", ["error", "submission.listeners[0].tls", /needs a certificate/]],
    ["submission: { listeners: [{ port: 0 }, { port: 0 }] }"],
    ["submission: { listeners: [{}, { port: 2525 }] }", ["error", "submission.listeners[1]", /twice/]],
    [
      "submission: { listeners: [{ host: 0.0.0.0 }] }",
      ["error", "submission.listeners", /^0\.0\.0\.0:2525 .* other machines/],
    ],
    ["submission: { trustedNetworks: [0.0.0.0/0] }", ["error", "submission.trustedNetworks", /^"0\.0\.0\.0\/0"/]],
    [`submission: { users: [${user}] }`, ["error", "submission.users", /^nobody could log in/]],
    [`${withUsers} [${user}] }`],
    [`${withUsers} [${user}, ${user}] }`, ["error", "submission.users[1].name", /already/]],
    [`${withUsers} [{ name: app, passwordHash: secret }] }`, ["error", "submission.users[0].passwordHash", /hash/]],
    ["redis: { url: 'http://127.0.0.1' }", ["error", "redis.url", /redis:/]],
    ["redis: { url: 'rediss://user:secret@[::1]:6380/1' }"],
  ];
  for (const [yaml, ...expected] of cases) {
    const draft = read(t, yaml);
    assert.deepEqual(lines(draft), [], yaml);
    const found = await configProblems(draft.config);
    assert.deepEqual(
      found.map(({ severity, path }) => [severity, settingName(path)]),
      expected.map(([severity, setting]) => [severity, setting]),
      yaml,
    );
    for (const [index, [, , what]] of expected.entries()) assert.match(found[index]?.what ?? "", what, yaml);
    assert.doesNotMatch(JSON.stringify(found), /secret/);
  }
});
