import assert from "node:assert/strict";
import { test } from "node:test";
import { variableName } from "../../src/config/environment.ts";
import { lines, read } from "./read.ts";

test("a variable wins over the file, and its case and single underscores mean nothing", (t) => {
  const names = [
    "RELAY_SUBMISSION__TRUSTED_NETWORKS",
    "RELAY_SUBMISSION__TRUSTEDNETWORKS",
    "RELAY_submission__trustedNetworks",
  ];
  for (const name of names) {
    const draft = read(t, "submission: { trustedNetworks: [192.0.2.0/24] }", { [name]: "10.0.0.0/8, fd00::/8" });
    assert.deepEqual(lines(draft), []);
    assert.deepEqual(draft.config.submission.trustedNetworks, ["10.0.0.0/8", "fd00::/8"], name);
    assert.deepEqual(draft.sources.variables, [name]);
  }
});

test("each kind of setting can be written in a variable", (t) => {
  const { config, problems } = read(t, "", {
    RELAY_HOSTNAME: "mx.example.test",
    RELAY_DELIVERY__PORT: "2500",
    RELAY_DELIVERY__IPV6: "false",
    RELAY_RETRY__SCHEDULE: "1m,5m",
    RELAY_RETRY__LIFETIME: "2d",
    RELAY_REDIS__MAX_MEMORY: "1GiB",
    RELAY_REDIS__STOP_INTAKE_AT: "0.5",
    RELAY_MTA_STS__ON_DISCOVERY_FAILURE__ACTION: "proceed",
    RELAY_SUBMISSION__LISTENERS: "[{ port: 2526 }]",
    RELAY_SUBMISSION__TRUSTED_NETWORKS: "[]",
    RELAY_DOMAINS: '{ "*.example.test": { mtaSts: require } }',
    RELAY_SUBMISSION__CERTIFICATE__CERT_FILE: "/c.pem",
    RELAY_SUBMISSION__CERTIFICATE__KEY_FILE: "/k.pem",
  });
  assert.deepEqual(problems, []);
  assert.equal(config.hostname, "mx.example.test");
  assert.equal(config.delivery.port, 2500);
  assert.equal(config.delivery.ipv6, false);
  assert.deepEqual(config.retry.scheduleMs, [60_000, 300_000]);
  assert.equal(config.retry.lifetimeMs, 172_800_000);
  assert.equal(config.redis.maxMemoryBytes, 1024 ** 3);
  assert.equal(config.redis.stopIntakeAt, 0.5);
  assert.equal(config.mtaSts.onDiscoveryFailure.action, "proceed");
  assert.deepEqual(config.submission.listeners, [{ host: "127.0.0.1", port: 2526, tls: "starttls" }]);
  assert.deepEqual(config.submission.trustedNetworks, []);
  assert.deepEqual(config.domains, { "*.example.test": { mtaSts: "require" } });
  assert.deepEqual(config.submission.certificate, { certFile: "/c.pem", keyFile: "/k.pem" });
});

test("REDIS_URL sets redis.url, unless the relay's own variable does", (t) => {
  const file = "redis: { url: redis://file.example }";
  const [general, own] = ["redis://general.example", "redis://own.example"];
  const cases: [Record<string, string>, string][] = [
    [{}, "redis://file.example"],
    [{ REDIS_URL: "" }, "redis://file.example"],
    [{ REDIS_URL: general }, general],
    [{ REDIS_URL: general, RELAY_REDIS__URL: own }, own],
  ];
  for (const [env, expected] of cases) assert.equal(read(t, file, env).config.redis.url, expected, JSON.stringify(env));
});

test("a wrong variable is an error that names it", (t) => {
  const cases: [Record<string, string>, RegExp][] = [
    [
      { RELAY_DELIVERY__PORT: "abc" },
      /^RELAY_DELIVERY__PORT delivery\.port: "abc" is not valid; expected a whole number/,
    ],
    [
      { RELAY_DELIVERY_PORT: "25" },
      /^RELAY_DELIVERY_PORT: there is no such setting; did you mean RELAY_DELIVERY__PORT\?/,
    ],
    [{ RELAY_RETRY__SHEDULE: "1m" }, /^RELAY_RETRY__SHEDULE: .*did you mean RELAY_RETRY__SCHEDULE\?/],
    [{ RELAY_COLOUR: "blue" }, /^RELAY_COLOUR: there is no such setting; expected the setting's path in capitals/],
    [{ RELAY_DELIVERY: "{}" }, /^RELAY_DELIVERY: there is no such setting/],
    [{ RELAY_RETRY__SCHEDULE: "1m,soon" }, /^RELAY_RETRY__SCHEDULE retry\.schedule\[1\]: "soon" is not a duration/],
    [{ RELAY_LOG__LEVEL: "info", RELAY_Log__Level: "warn" }, /^RELAY_Log__Level: RELAY_LOG__LEVEL sets the same/],
    [{ RELAY_LOG__LEVEL: "loud" }, /^RELAY_LOG__LEVEL log\.level: "loud" is not valid/],
  ];
  for (const [env, expected] of cases) {
    const found = lines(read(t, "", env));
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0] ?? "", expected);
  }
});

test("a variable does not hide that the file's section is wrong", (t) => {
  assert.match(lines(read(t, "delivery: 5", { RELAY_DELIVERY__PORT: "25" })).join(), /it is not a map/);
});

test("an empty variable counts as not set, and other programs' variables are left alone", (t) => {
  const { config, problems } = read(t, "", { RELAY_DELIVERY__PORT: "", RELAYHOST: "x", relay_delivery__port: "1" });
  assert.deepEqual(problems, []);
  assert.equal(config.delivery.port, 25);
});

test("what Kubernetes puts into containers for a service called relay is no setting", (t) => {
  const env = {
    RELAY_SERVICE_HOST: "10.0.0.7",
    RELAY_SERVICE_PORT: "25",
    RELAY_SERVICE_PORT_SMTP: "25",
    RELAY_PORT: "tcp://10.0.0.7:25",
    RELAY_PORT_25_TCP: "tcp://10.0.0.7:25",
    RELAY_PORT_25_TCP_ADDR: "10.0.0.7",
    RELAY_STS_SERVICE_HOST: "10.0.0.8",
  };
  assert.deepEqual(lines(read(t, "", env)), []);
});

test("the documented name of a variable leads back to its setting", (t) => {
  assert.equal(
    variableName(["mtaSts", "onDiscoveryFailure", "deferFor"]),
    "RELAY_MTA_STS__ON_DISCOVERY_FAILURE__DEFER_FOR",
  );
  const { config } = read(t, "", { [variableName(["mtaSts", "onDiscoveryFailure", "deferFor"])]: "2h" });
  assert.equal(config.mtaSts.onDiscoveryFailure.deferForMs, 7_200_000);
});
