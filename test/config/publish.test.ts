import assert from "node:assert/strict";
import { test } from "node:test";
import { settingName } from "../../src/config/problem.ts";
import { lines, read } from "./read.ts";

test("nothing is published by default", (t) => {
  assert.deepEqual(read(t, "").config.publish, { listeners: [], certificates: [], domains: {}, reportsTo: [] });
});

test("a domain needs its mode alone; the rest has defaults", (t) => {
  const { config, problems } = read(t, "publish: { domains: { Ours.Example: { mode: testing } }, listeners: [{}] }");
  assert.deepEqual(problems, []);
  const { domains, listeners } = config.publish;
  assert.deepEqual(domains, { "ours.example": { mode: "testing", maxAgeMs: 7 * 86_400_000, mx: "dns" } });
  assert.deepEqual(listeners, [{ host: "0.0.0.0", port: 443, tls: "implicit" }]);
});

test("hosts of a policy are names and wildcards, in the form that MX records have (STS-POL-3)", (t) => {
  const { config, problems } = read(
    t,
    "publish: { domains: { a.example: { mode: enforce, mx: [MX1.Bücher.Example., '*.b.example', '*.B.example'] } } }",
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(config.publish.domains["a.example"]?.mx, ["mx1.xn--bcher-kva.example", "*.b.example"]);
});

test("policies are reached at a name or at addresses", (t) => {
  const cases: [yaml: string, expected: unknown][] = [
    ["Relay.Example.", { name: "relay.example" }],
    ["192.0.2.1", { addresses: ["192.0.2.1"] }],
    ["[192.0.2.1, '2001:db8::1']", { addresses: ["192.0.2.1", "2001:db8::1"] }],
  ];
  for (const [yaml, expected] of cases) {
    assert.deepEqual(read(t, `publish: { reachedAt: ${yaml} }`).config.publish.reachedAt, expected);
  }
});

test("what cannot be published is refused, with its place", (t) => {
  const domain = (settings: string) => `{ domains: { a.example: { ${settings} } } }`;
  const cases: [publish: string, setting: string, what: RegExp][] = [
    [domain(""), 'publish.domains["a.example"].mode', /missing/],
    [domain("mode: enforced"), 'publish.domains["a.example"].mode', /not valid/],
    [domain("mode: testing, mx: []"), 'publish.domains["a.example"].mx', /empty/],
    [domain("mode: testing, mx: MX"), 'publish.domains["a.example"].mx', /not valid/],
    [domain("mode: testing, mx: [mx*.a.example]"), 'publish.domains["a.example"].mx', /not a host name/],
    [domain("mode: testing, mx: [192.0.2.1]"), 'publish.domains["a.example"].mx', /not a host name/],
    [domain("mode: testing, maxAge: 366d"), 'publish.domains["a.example"].maxAge', /too long/],
    [domain("mode: testing, maxAge: 604800"), 'publish.domains["a.example"].maxAge', /unit is missing/],
    ["{ domains: { '*.a.example': { mode: none } } }", 'publish.domains["*.a.example"]', /not a domain/],
    ["{ listeners: [{ tls: starttls }] }", "publish.listeners[0].tls", /not valid/],
    ["{ reachedAt: [relay.example, 192.0.2.1] }", "publish.reachedAt", /not valid/],
    ["{ reachedAt: [] }", "publish.reachedAt", /not valid/],
    ["{ reportsTo: [tls@a.example] }", "publish.reportsTo[0]", /not valid/],
    ["{ reportsTo: ['http://a.example'] }", "publish.reportsTo[0]", /not valid/],
    ["{ reportsTo: ['mailto:tls@'] }", "publish.reportsTo[0]", /not valid/],
  ];
  for (const [publish, setting, what] of cases) {
    const draft = read(t, `publish: ${publish}`);
    const [first] = draft.problems;
    assert.deepEqual([draft.problems.length, settingName(first?.path ?? [])], [1, setting], lines(draft).join("\n"));
    assert.match(first?.what ?? "", what, publish);
  }
});
