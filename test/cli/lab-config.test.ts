import assert from "node:assert/strict";
import { test } from "node:test";
import { labConfig } from "../../src/cli/lab-config.ts";
import { lines, read } from "../config/read.ts";

test("the lab's configuration says what the lab asks for, odd file names too", (t) => {
  const yaml = labConfig({
    dnsServers: ["127.25.25.1:10053"],
    policyPort: 10_443,
    deliveryPort: 10_025,
    allow: ["127.25.25.0/24", "::1/128"],
    caPem: "not for the file",
    caFile: '/tmp/a: "b" #c/ca.pem',
    redisDir: "/tmp/redis",
    port: 2526,
  });
  const draft = read(t, yaml);
  assert.deepEqual(lines(draft), []);
  const { submission, delivery, mtaSts, tls, dns, network, redis } = draft.config;
  assert.deepEqual(submission.listeners, [{ host: "127.0.0.1", port: 2526, tls: "none" }]);
  assert.deepEqual([delivery.port, mtaSts.policyPort], [10_025, 10_443]);
  assert.equal(tls.caFile, '/tmp/a: "b" #c/ca.pem');
  assert.deepEqual(dns.servers, ["127.25.25.1:10053"]);
  assert.deepEqual(network.allow, ["127.25.25.0/24", "::1/128"]);
  assert.equal(redis.dir, "/tmp/redis");
  assert.doesNotMatch(yaml, /not for the file/);
});
