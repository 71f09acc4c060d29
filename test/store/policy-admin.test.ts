import assert from "node:assert/strict";
import { test } from "node:test";
import type { KnownPolicy } from "../../src/mta-sts/answer.ts";
import { createPolicyMemory } from "../../src/mta-sts/policy-memory.ts";
import { createPolicyService } from "../../src/operate/policies.ts";
import { policyKey } from "../../src/store/keys.ts";
import { takeActions } from "../../src/store/operator-actions.ts";
import { createPolicyAdmin } from "../../src/store/policy-admin.ts";
import { createPolicyStore } from "../../src/store/policy-store.ts";
import { startTestRedis } from "../support/redis.ts";
import { open } from "./support.ts";

const NOW = Date.now();
const HOUR = 3_600_000;

const known = (domain: string, id = "1"): KnownPolicy => ({
  domain,
  id,
  policy: { mode: "enforce", mx: [`mx.${domain}`], maxAgeSeconds: 86_400 },
  text: `version: STSv1\r\nmode: enforce\r\nmx: mx.${domain}\r\nmax_age: 86400\r\n`,
  fetchedAt: NOW - HOUR,
  expiresAt: NOW + 23 * HOUR,
});

test("policies are listed by domain, with times and the last failure", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createPolicyStore(connection);
  const admin = createPolicyAdmin(connection);
  const service = createPolicyService({ admin, now: () => NOW });
  assert.deepEqual(await service.list(), []);
  await store.put(known("b.example"), NOW + HOUR);
  await store.put({ ...known("a.example"), expiresAt: NOW - 1 }, NOW + 2 * HOUR);
  await admin.noteChecked([["b.example", NOW - 60_000]]);
  const failure = { resultType: "sts-policy-fetch-error", detail: "status 503", id: "2" } as const;
  await store.putFailure("b.example", { ...failure, failedAt: NOW, retryAt: NOW + 300_000 });
  const [a, b] = await service.list();
  assert.deepEqual([a?.domain, a?.state, b?.domain, b?.state], ["a.example", "expired", "b.example", "in force"]);
  assert.equal(b?.refreshAt, new Date(NOW + HOUR).toISOString());
  assert.equal(b.checkedAt, new Date(NOW - 60_000).toISOString());
  assert.equal(b.failure?.detail, "status 503");
});

test("one policy is shown with its text and those before it; a record that makes no sense as such", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createPolicyStore(connection);
  const service = createPolicyService({ admin: createPolicyAdmin(connection), now: () => NOW });
  await store.put(known("a.example"), NOW);
  await store.put(known("a.example", "2"), NOW);
  const shown = await service.show("a.example");
  assert.match(shown.text ?? "", /^version: STSv1\r\n/);
  assert.deepEqual(
    shown.history.map(({ id }) => id),
    ["2", "1"],
  );
  assert.equal((await service.show("none.example")).state, "none");
  await connection.redis.set(policyKey("a.example"), "no JSON");
  assert.equal((await service.show("a.example")).state, "unreadable");
});

test("a policy that is forgotten is out of force for a process that remembers it, and is not brought back by it", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const store = createPolicyStore(connection);
  const service = createPolicyService({ admin: createPolicyAdmin(connection), now: () => NOW });
  const report = () => assert.fail("nothing is to be told");
  const memory = createPolicyMemory({ store, now: () => NOW, random: () => 0.5, report });
  await memory.keep(known("a.example"));
  assert.equal(await service.forget("none.example", "anna"), false);
  assert.equal(await service.forget("a.example", "anna"), true);

  const recalled = await memory.recall("a.example");
  assert.ok(recalled.kind === "recalled");
  assert.ok(recalled.known !== undefined && recalled.known.expiresAt <= NOW, "what comes after is compared with it");
  assert.equal((await service.show("a.example")).state, "forgotten");
  assert.deepEqual(await store.takeDue(NOW + 100 * HOUR, NOW, 10), [], "it is not kept fresh");
  const [action] = await takeActions(connection.redis);
  assert.ok(action?.kind === "policy-forgotten");
  assert.deepEqual([action.domain, action.by], ["a.example", "anna"]);
});
