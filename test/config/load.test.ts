import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problem.ts";
import { directory, lines, MACHINE, read } from "./read.ts";

test("without a file and without variables every setting has its default", (t) => {
  const { config, sources } = loadConfig({ cwd: directory(t), env: {}, machine: MACHINE });
  assert.deepEqual(sources, { file: undefined, variables: [] });
  assert.equal(config.hostname, "relay.example.test");
  assert.deepEqual(config.submission.listeners, [{ host: "127.0.0.1", port: 2525, tls: "none" }]);
  assert.equal(config.submission.maxMessageSizeBytes, 25 * 1024 ** 2);
  assert.equal(config.delivery.port, 25);
  assert.equal(config.retry.lifetimeMs, 5 * 86_400_000);
  assert.deepEqual(config.retry.scheduleMs.slice(0, 2), [60_000, 300_000]);
  assert.deepEqual(config.mtaSts.onDiscoveryFailure, { action: "defer", deferForMs: 3_600_000 });
  assert.deepEqual(config.domains, {});
});

test("the embedded Redis gets half of the machine's memory, at most 4 GiB", (t) => {
  const cases = [
    [2 * 1024 ** 3, 1024 ** 3],
    [64 * 1024 ** 3, 4 * 1024 ** 3],
  ] as const;
  for (const [memoryBytes, expected] of cases) {
    const { config } = loadConfig({ cwd: directory(t), env: {}, machine: { ...MACHINE, memoryBytes } });
    assert.equal(config.redis.maxMemoryBytes, expected);
  }
});

test("the hostname has a dot, whatever the machine is called (RFC 5321 section 4.1.1.1)", (t) => {
  const cases = { "mail.example.test": "mail.example.test", box: "box.localdomain", "a b": "localhost.localdomain" };
  for (const [hostname, expected] of Object.entries(cases)) {
    assert.equal(
      loadConfig({ cwd: directory(t), env: {}, machine: { ...MACHINE, hostname } }).config.hostname,
      expected,
    );
  }
});

test("a file sets what it names and leaves the rest", (t) => {
  const { config, problems, sources } = read(t, "delivery:\n  port: 2500\n  sessionIdle: 1m\nretry:\n");
  assert.deepEqual(problems, []);
  assert.equal(sources.file, "config/relay.yaml");
  assert.equal(config.delivery.port, 2500);
  assert.equal(config.delivery.sessionIdleMs, 60_000);
  assert.equal(config.delivery.concurrency, 50);
});

test("relative paths start at the working directory", (t) => {
  const cwd = directory(t, { "etc/other.yaml": "tls: { caFile: certs/ca.pem }\nredis: { dir: /var/lib/redis }" });
  const { config } = loadConfig({ file: "etc/other.yaml", cwd, env: {}, machine: MACHINE });
  assert.equal(config.tls.caFile, join(cwd, "certs/ca.pem"));
  assert.equal(config.redis.dir, "/var/lib/redis");
});

test("a listener has STARTTLS when there is a certificate, unless it says otherwise", (t) => {
  const yaml = `
submission:
  certificate: { certFile: cert.pem, keyFile: key.pem }
  listeners: [{ port: 25 }, { port: 465, tls: implicit }, { host: "::1", port: 2525, tls: none }]`;
  const { config } = read(t, yaml);
  assert.deepEqual(config.submission.listeners, [
    { host: "127.0.0.1", port: 25, tls: "starttls" },
    { host: "127.0.0.1", port: 465, tls: "implicit" },
    { host: "::1", port: 2525, tls: "none" },
  ]);
});

test("all problems are found at once, each with its line", (t) => {
  const yaml = `submission:
  listenres:
    - port: 2525
  maxMessageSize: 25
  users:
    - name: app
      passwordhash: "x"
delivery:
  port: 99999
trustedNetworks: [10.0.0.0/8]
log: { level: verbose }
`;
  const found = lines(read(t, yaml));
  const expected = [
    /^config\/relay\.yaml:2 submission\.listenres: there is no such setting; did you mean "listeners"\?$/,
    /^config\/relay\.yaml:4 submission\.maxMessageSize: 25 is not a size: its unit is missing; expected a size like/,
    /^config\/relay\.yaml:6 submission\.users\[0\]\.passwordHash: it is missing;/,
    /^config\/relay\.yaml:7 submission\.users\[0\]\.passwordhash: there is no such setting; did you mean "passwordHash"\?$/,
    /^config\/relay\.yaml:9 delivery\.port: 99999 is too large; expected a whole number from 1 to 65535$/,
    /^config\/relay\.yaml:10 trustedNetworks: there is no such setting; did you mean "submission\.trustedNetworks"\?$/,
    /^config\/relay\.yaml:11 log\.level: "verbose" is not valid; expected one of: trace, debug, info,/,
  ];
  for (const line of expected)
    assert.ok(
      found.some((text) => line.test(text)),
      `${line}\nnot in\n${found.join("\n")}`,
    );
  assert.equal(found.length, expected.length, found.join("\n"));
});

test("what is wrong with one setting is said in words", (t) => {
  const cases: [string, RegExp][] = [
    ["delivery: 5", /delivery: it is not a map; expected a map with some of: port, /],
    ["submission: { listeners: {} }", /listeners: it is not a list; expected a list/],
    ["submission: { listeners: [] }", /listeners: the list is empty; expected at least one entry/],
    ["retry: { schedule: [] }", /schedule: the list is empty/],
    ["retry: { schedule: [1m, 5] }", /retry\.schedule\[1\]: 5 is not a duration: its unit is missing/],
    ["delivery: { connectTimeout: 10ms }", /connectTimeout: 10ms is too short; expected .* from 1s to 5m/],
    ["delivery: { sourceAddress4: 2001:db8::1 }", /"2001:db8::1" is not valid; expected an IPv4 address/],
    ["network: { allow: [10.0.0.0/99] }", /network\.allow\[0\]: /],
    [
      "dns: { servers: [resolver.example] }",
      /dns\.servers\[0\]: "resolver\.example" is not valid; expected an address/,
    ],
    ["dns: { zones: { 'a b': [127.0.0.1] } }", /dns\.zones\["a b"\]: the key is not a domain/],
    ["redis: { stopIntakeAt: 90 }", /stopIntakeAt: 90 is too large; expected a number from 0\.1 to 1/],
    ["redis: { requireDurable: 'yes' }", /requireDurable: "yes" is not valid; expected true or false/],
    ["hostname: relay", /hostname: "relay" is not valid; expected a fully qualified host name/],
    ["domains: { '*x.example': {} }", /the key is not a domain; expected a domain like example\.com, or/],
    ["domains: { a.example: {}, A.EXAMPLE.: {} }", /there is an entry for a\.example already/],
    [
      "domains: { a.example: { mtasts: require } }",
      /domains\["a\.example"\]\.mtasts: there is no such setting; did you mean "mtaSts"/,
    ],
    [
      "domains: { a.example: { route: somewhere } }",
      /route: "somewhere" is not valid; expected one of: direct, or a map with some of: host/,
    ],
    [
      "domains: { a.example: { route: { host: b.example, prot: 5 } } }",
      /\.route\.prot: there is no such setting; did you mean "port"/,
    ],
    ["domains: { a.example: { route: { port: 25 } } }", /\.route\.host: it is missing; expected a host name/],
    ["domains: { a.example: { route: { host: b.example, user: me } } }", /route\.user: it has no password/],
    ["domains: { a.example: { route: { host: b.example, password: x } } }", /route\.user: a password without a user/],
    ["- a\n- b", /config\/relay\.yaml:1: it is not a map of settings/],
    ["hostname: [", /config\/relay\.yaml:1: .*/],
    ["domains:\n  *.example: {}", /config\/relay\.yaml:2: .*in quotes/],
    ["log: {}\nlog: {}", /config\/relay\.yaml:2: .*unique/],
  ];
  for (const [yaml, expected] of cases) {
    const found = lines(read(t, yaml));
    assert.equal(found.length, 1, `${yaml}\n${found.join("\n")}`);
    assert.match(found[0] ?? "", expected, yaml);
  }
});

test("a secret is never repeated, right or wrong", (t) => {
  const yaml = `
redis: { url: [tr0ub4dor] }
submission: { users: [{ name: app, passwordHash: { tr0ub4dor: 1 } }] }
domains:
  a.example: { route: { host: b.example, user: me, password: { tr0ub4dor: 1 } } }`;
  const found = lines(read(t, yaml));
  assert.equal(found.length, 3);
  assert.doesNotMatch(found.join("\n"), /tr0ub4dor/);
});

test("a file that was asked for must be there; the default one need not", (t) => {
  const cwd = directory(t);
  const options = { cwd, env: {}, machine: MACHINE };
  assert.doesNotThrow(() => loadConfig(options));
  assert.throws(
    () => loadConfig({ ...options, file: "nowhere.yaml" }),
    (error) => error instanceof ConfigError && /^nowhere\.yaml: .*cannot be read \(ENOENT\)/.test(error.message),
  );
  assert.throws(() => loadConfig({ ...options, file: "." }), /EISDIR/);
});

test("an error holds every problem", (t) => {
  const cwd = directory(t, { "config/relay.yaml": "delivery: { port: 0 }\ndns: { tries: 0 }" });
  assert.throws(
    () => loadConfig({ cwd, env: { RELAY_NOTHING: "1" }, machine: MACHINE }),
    (error) => error instanceof ConfigError && error.problems.length === 3 && error.message.split("\n").length === 3,
  );
});

test("a section with something wrong is not judged further, the others are", (t) => {
  const draft = read(t, "delivery: { port: 0 }\ntls: { caFile: ca.pem }");
  const problem = { severity: "error", what: "unreadable", right: "" } as const;
  const placed = draft.place([
    { ...problem, path: ["delivery", "sourceAddress4"] },
    { ...problem, path: ["tls", "caFile"] },
  ]);
  assert.deepEqual(
    placed.map(({ place }) => place),
    ["config/relay.yaml:2"],
  );
});

test("a smart host's password may come from a file", (t) => {
  const route = "host: smtp.example, user: me, passwordFile: secret";
  const files = { "config/relay.yaml": `domains: { a.example: { route: { ${route} } } }`, secret: "tr0ub4dor\n" };
  const { config } = loadConfig({ cwd: directory(t, files), env: {}, machine: MACHINE });
  assert.deepEqual(config.domains["a.example"]?.route, {
    host: "smtp.example",
    port: 25,
    tls: "starttls",
    login: { user: "me", password: "tr0ub4dor" },
  });
  assert.match(
    lines(read(t, files["config/relay.yaml"])).join(),
    /:1 .*passwordFile: .*secret cannot be read \(ENOENT\)/,
  );
});
