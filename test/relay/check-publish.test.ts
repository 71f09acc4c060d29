import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { settingName } from "../../src/config/problem.ts";
import { createAuthority } from "../../src/lab/authority.ts";
import { publishProblems } from "../../src/relay/check-publish.ts";
import { directory, lines, read } from "../config/read.ts";

test("settings for publishing that do not go together are found, and certificates that senders would refuse", async (t) => {
  const authority = await createAuthority();
  const notAfter = new Date("2021-01-01");
  const [good, wildcard, expired] = await Promise.all([
    authority.issue({ names: ["mta-sts.a.example"] }),
    authority.issue({ names: ["*.a.example"] }),
    authority.issue({ names: ["mta-sts.a.example"], notAfter }),
  ]);
  const dir = directory(t, {
    "good.pem": good.certPem,
    "good.key": good.keyPem,
    "wildcard.pem": wildcard.certPem,
    "wildcard.key": wildcard.keyPem,
    "expired.pem": expired.certPem,
    "expired.key": expired.keyPem,
  });
  const files = (cert: string, key = cert) =>
    `{ certFile: ${join(dir, `${cert}.pem`)}, keyFile: ${join(dir, `${key}.key`)} }`;
  const publish = (certificates: string, rest = "domains: { a.example: { mode: testing } }", listener = "{}") =>
    `publish: { listeners: [${listener}], certificates: [${certificates}], ${rest} }`;
  const cases: [yaml: string, ...found: [severity: string, setting: string, what: RegExp][]][] = [
    ["publish: { domains: { a.example: { mode: testing } } }"],
    [publish(files("good"))],
    [publish(files("wildcard"))],
    [publish(`${files("good")}, ${files("wildcard")}`)],
    [publish("", undefined, "{ tls: none }")],
    [
      publish(""),
      ["error", "publish.listeners[0].tls", /needs a certificate/],
      ["warning", "publish.certificates", /mta-sts\.a\.example/],
    ],
    [publish(files("good"), undefined, "{}, {}"), ["error", "publish.listeners[1]", /twice/]],
    [publish(files("good"), "domains: {}"), ["warning", "publish.listeners", /no domain/]],
    [publish(files("good", "wildcard")), ["error", "publish.certificates[0].keyFile", /not the key/]],
    [publish(files("none", "good")), ["error", "publish.certificates[0].certFile", /does not exist/]],
    [publish(files("expired")), ["warning", "publish.certificates[0].certFile", /expired/]],
    [
      publish(files("good"), "domains: { a.example: { mode: testing }, b.example: { mode: none } }"),
      ["warning", "publish.certificates", /no certificate names mta-sts\.b\.example/],
    ],
  ];
  for (const [yaml, ...expected] of cases) {
    const draft = read(t, yaml);
    assert.deepEqual(lines(draft), [], yaml);
    const found = await publishProblems(draft.config, Date.now());
    assert.deepEqual(
      found.map(({ severity, path }) => [severity, settingName(path)]),
      expected.map(([severity, setting]) => [severity, setting]),
      yaml,
    );
    for (const [index, [, , what]] of expected.entries()) assert.match(found[index]?.what ?? "", what, yaml);
  }
});
