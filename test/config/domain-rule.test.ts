import assert from "node:assert/strict";
import { test } from "node:test";
import { domainRule } from "../../src/config/domain-rule.ts";
import { lines, read } from "./read.ts";

const YAML = `
mtaSts: { rule: optional }
domains:
  "*": { route: { host: smart.example, port: 587 } }
  "*.example.org": { mtaSts: require }
  "*.sub.example.org": { onDiscoveryFailure: proceed }
  Partner.Example.: { mtaSts: disable, route: direct }
  bücher.example: { mtaSts: require }
`;

test("each setting comes from the narrowest entry that has it", (t) => {
  const draft = read(t, YAML);
  assert.deepEqual(lines(draft), []);
  const cases: [domain: string, rule: string, action: string, host: string | undefined][] = [
    ["other.example", "optional", "defer", "smart.example"],
    ["example.org", "optional", "defer", "smart.example"],
    ["mail.example.org", "require", "defer", "smart.example"],
    ["a.b.example.org", "require", "defer", "smart.example"],
    ["sub.example.org", "require", "defer", "smart.example"],
    ["a.sub.example.org", "require", "proceed", "smart.example"],
    ["partner.example", "disable", "defer", undefined],
    ["xn--bcher-kva.example", "require", "defer", "smart.example"],
    ["[192.0.2.1]", "optional", "defer", "smart.example"],
    ["constructor", "optional", "defer", "smart.example"],
  ];
  for (const [domain, ...expected] of cases) {
    const { mtaSts, onDiscoveryFailure, route } = domainRule(draft.config, domain);
    assert.deepEqual([mtaSts, onDiscoveryFailure.action, route?.host], expected, domain);
  }
});

test("without entries the global settings hold", (t) => {
  const { config } = read(t, "mtaSts: { rule: require }");
  assert.deepEqual(domainRule(config, "example.org"), {
    mtaSts: "require",
    onDiscoveryFailure: { action: "defer", deferForMs: 3_600_000 },
    route: undefined,
    limits: {},
  });
});
