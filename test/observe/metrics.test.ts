import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { PolicyEvent } from "../../src/mta-sts/answer.ts";
import { createMetrics, type Standing } from "../../src/observe/metrics.ts";
import { missingPrograms, programPath, skipWithout } from "../support/real-programs.ts";
import { createRecordedEvents } from "../support/recorded-events.ts";

const NOW: Standing = {
  redisUp: true,
  queue: { waiting: 1, deferred: 2 },
  oldestSeconds: 12.5,
  incidents: { "record-gone": 1 },
  workers: 1,
};

const known = {
  domain: "secret-domain.example",
  id: "1",
  policy: { mode: "enforce" as const, mx: ["mx.secret-domain.example"], maxAgeSeconds: 86_400 },
  text: "",
  fetchedAt: 0,
  expiresAt: 1,
};

/** One of each thing that is counted. */
function busyRelay() {
  const metrics = createMetrics({ version: "1.2.3" });
  const recorded = createRecordedEvents();
  const events = metrics.events(recorded.events);
  const about = {
    message: "m",
    domain: "secret-domain.example",
    to: ["a@secret-domain.example", "b@secret-domain.example"],
  };
  events.accepted({
    message: "m",
    from: "x@secret-domain.example",
    to: about.to,
    sizeBytes: 100,
    client: "192.0.2.1",
    protocol: "ESMTP",
    messageId: "i",
  });
  events.submissionRefused({ client: "192.0.2.1", reply: "451 4.3.0 later" });
  events.submissionRefused({ client: "192.0.2.1", reply: "550 5.7.1 no" });
  events.attempt({
    message: "m",
    domain: about.domain,
    host: "mx",
    required: "",
    verdict: "certificate-expired",
    result: "",
  });
  events.delivered({ ...about, host: "mx", tls: "", reply: "250", ageMs: 400 });
  events.deferred({ ...about, reason: "policy-violation", detail: "", nextAttemptAt: "", attempt: 1 });
  events.failed({ ...about, status: "5.1.1", detail: "" });
  const policyEvents: PolicyEvent[] = [
    { kind: "found", known },
    { kind: "changed", before: known, after: known, weaker: "mode none" },
    {
      kind: "fetch-failed",
      domain: about.domain,
      id: "1",
      failure: { resultType: "sts-webpki-invalid", detail: "" },
      cached: undefined,
    },
  ];
  for (const event of policyEvents) events.policy(event);
  metrics.policyAnswer({ kind: "policy", known, recordChecked: "same" });
  metrics.policyAnswer({ kind: "none", because: "no-record", detail: "" });
  metrics.session("verified");
  metrics.attemptTook(1_500);
  metrics.acceptTook(3);
  return { metrics, recorded };
}

test("each thing that happens moves its counter once, and is told on", async () => {
  const { metrics, recorded } = busyRelay();
  const text = await metrics.text(NOW);
  const expected = [
    "sts_relay_messages_accepted_total 1",
    "sts_relay_accepted_bytes_total 100",
    'sts_relay_submissions_refused_total{class="4xx"} 1',
    'sts_relay_submissions_refused_total{class="5xx"} 1',
    'sts_relay_attempts_total{verdict="certificate-expired"} 1',
    'sts_relay_sessions_total{tls="verified"} 1',
    'sts_relay_deliveries_total{result="deferred"} 1',
    'sts_relay_recipients_total{result="delivered"} 2',
    'sts_relay_deferrals_total{reason="policy-violation"} 2',
    'sts_relay_policy_answers_total{answer="enforce",source="cached"} 1',
    'sts_relay_policy_answers_total{answer="no-policy",source="no-record"} 1',
    'sts_relay_policy_fetches_total{result="fetched"} 2',
    'sts_relay_policy_fetches_total{result="sts-webpki-invalid"} 1',
    "sts_relay_policies_weakened_total 1",
    'sts_relay_attempt_duration_seconds_bucket{le="1"} 0',
    'sts_relay_attempt_duration_seconds_bucket{le="5"} 1',
    'sts_relay_delivery_age_seconds_bucket{le="0.5"} 1',
    'sts_relay_queue_jobs{state="deferred"} 2',
    "sts_relay_queue_oldest_seconds 12.5",
    'sts_relay_incidents_open{cause="record-gone"} 1',
    "sts_relay_redis_up 1",
    'sts_relay_build_info{version="1.2.3",node=',
  ];
  const lines = text.split("\n");
  for (const line of expected)
    assert.ok(
      lines.some((each) => each.startsWith(line)),
      line,
    );
  assert.deepEqual(recorded.names, [
    "accepted",
    "submissionRefused",
    "submissionRefused",
    "attempt",
    "delivered",
    "deferred",
    "failed",
    "policy",
    "policy",
    "policy",
  ]);
});

test("no word of strangers becomes a label, and there are few series", async () => {
  const text = await busyRelay().metrics.text(NOW);
  assert.doesNotMatch(text, /secret-domain|192\.0\.2/);
  assert.ok(text.split("\n").length < 700, String(text.split("\n").length));
});

test("while Redis is away what is in it is not known: no queue, and not an empty one", async () => {
  const { metrics } = busyRelay();
  await metrics.text(NOW);
  const text = await metrics.text({ redisUp: false });
  assert.match(text, /^sts_relay_redis_up 0$/m);
  assert.match(text, /^sts_relay_queue_oldest_seconds Nan$/im);
  assert.doesNotMatch(text, /^sts_relay_(queue_jobs|incidents_open)\{/m);
});

test("the metrics pass `promtool check metrics`", async (t) => {
  if (skipWithout(t, missingPrograms(["promtool"]))) return;
  const text = await busyRelay().metrics.text(NOW);
  const { status, stdout, stderr } = spawnSync(programPath("promtool"), ["check", "metrics"], {
    input: text,
    encoding: "utf8",
  });
  assert.equal(`${stdout}${stderr}`, "");
  assert.equal(status, 0);
});

test("the alert rules pass `promtool check rules`, and speak of metrics that there are", async (t) => {
  if (skipWithout(t, missingPrograms(["promtool"]))) return;
  const root = new URL("../../config/", import.meta.url);
  const { status, stdout, stderr } = spawnSync(
    programPath("promtool"),
    ["check", "rules", new URL("prometheus-alerts.yaml", root).pathname],
    { encoding: "utf8" },
  );
  assert.equal(status, 0, stdout + stderr);
});
