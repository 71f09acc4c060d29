/** The kill test in short. At length: scripts/kill-test. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runKillTest } from "../../scripts/lib/kill-run.ts";

test("while relay and Redis are killed nothing answered 250 is lost, and nothing comes twice that was not in flight (RFC 5321 section 6.1)", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "sts-relay-kill-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const { verdict, kills } = await runKillTest({
    dir,
    messages: 400,
    kills: 6,
    seed: 1,
    clients: 8,
    everyMs: 1_500,
    limitMs: 60_000,
    redis: "embedded",
    say: (line) => t.diagnostic(line),
  });
  assert.equal(kills.length, 6);
  assert.deepEqual(verdict.lost, []);
  assert.deepEqual([verdict.accepted, verdict.notAccepted], [400, 0]);
  assert.deepEqual(
    verdict.duplicates.filter(({ unexplained }) => unexplained),
    [],
  );
});
