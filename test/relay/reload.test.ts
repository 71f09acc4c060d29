import assert from "node:assert/strict";
import { test } from "node:test";
import { follow } from "../../src/relay/follow.ts";
import { planReload } from "../../src/relay/reload.ts";
import { read } from "../config/read.ts";

test("each changed setting takes effect, or is named among those that need a restart", (t) => {
  const certificate = (name: string) =>
    `submission: { certificate: { certFile: /${name}.pem, keyFile: /${name}.key } }`;
  const certificatePaths = ["submission.certificate.certFile", "submission.certificate.keyFile"];
  const cases: [before: string, after: string, applied: string[], needRestart: string[]][] = [
    ["", "", [], []],
    ["", "log: { level: debug, format: json }", ["log.level"], ["log.format"]],
    ["", "submission: { trustedNetworks: [10.0.0.0/8] }", ["submission.trustedNetworks"], []],
    ["", "submission: { users: [{ name: app, passwordHash: x }] }", ["submission.users"], []],
    [
      "",
      "submission: { maxConnections: 5, maxRecipients: 100 }",
      ["submission.maxRecipients", "submission.maxConnections"],
      [],
    ],
    ["", "submission: { rates: { perUser: { messages: 1/1s } } }", ["submission.rates.perUser.messages"], []],
    ["", "submission: { maxLoginFailures: 1/1s }", ["submission.maxLoginFailures"], []],
    ["", "submission: { listeners: [{ port: 2526 }] }", [], ["submission.listeners"]],
    [
      "",
      "retry: { schedule: [1s], lifetime: 1h, jitter: 0 }",
      ["retry.schedule", "retry.lifetime", "retry.jitter"],
      [],
    ],
    ["", "mtaSts: { rule: require, fetchTimeout: 1s }", ["mtaSts.rule"], ["mtaSts.fetchTimeout"]],
    ["", "mtaSts: { onDiscoveryFailure: { action: proceed } }", ["mtaSts.onDiscoveryFailure.action"], []],
    ["", 'domains: { "*": { mtaSts: require } }', ["domains"], []],
    ["", "network: { allow: [10.0.0.0/8] }", ["network.allow"], []],
    ["", "redis: { dir: /data, url: redis://other.example }", [], ["redis.url"]],
    ["", "delivery: { port: 26 }", [], ["delivery.port"]],
    ["", "hostname: other.example", [], ["hostname"]],
    [certificate("a"), certificate("b"), certificatePaths, []],
    ["", certificate("a"), [], ["submission.listeners", ...certificatePaths]],
    [certificate("a"), "", [], ["submission.listeners", ...certificatePaths]],
  ];
  // All in one directory, which a relative path starts at.
  const config = (yaml: string) => read(t, `${yaml}\n${yaml.includes("redis:") ? "" : "redis: { dir: /data }"}`).config;
  for (const [before, after, applied, needRestart] of cases) {
    const plan = planReload(config(before), config(after));
    assert.deepEqual([plan.applied, plan.needRestart], [applied, needRestart], `${before} -> ${after}`);
    const again = planReload(plan.config, config(after));
    assert.deepEqual([again.applied, again.needRestart], [[], needRestart], "what was not applied is told again");
  }
});

test("a part that follows a setting is made again when it changes, and only then", () => {
  let setting = ["a"];
  let made = 0;
  const part = follow(
    () => setting,
    (value) => {
      made += 1;
      return value.join();
    },
  );
  assert.deepEqual([part(), part(), made], ["a", "a", 1]);
  setting = ["b"];
  assert.deepEqual([part(), part(), made], ["b", "b", 2]);
});
