import assert from "node:assert/strict";
import { test } from "node:test";
import { bounceFor } from "../../src/delivery/bounce.ts";
import type { RecipientState } from "../../src/mail/delivery-job.ts";
import { jobData } from "./support/job.ts";

const failed = (address: string): RecipientState => ({ address, state: "failed", status: "5.1.1", detail: "nobody" });
const NOW = Date.UTC(2030, 0, 6);

test("a bounce goes from the null sender to the sender, and needs SMTPUTF8 where the message did (RFC 5321 section 6.1)", async () => {
  const bounce = await bounceFor(jobData({ smtputf8: true }), [failed("a@lab.test")], undefined, "relay.test", NOW);
  assert.deepEqual(bounce.envelope, { from: "", to: ["sender@lab.test"], smtputf8: true, eightBit: false });
  assert.equal(bounce.acceptedAt, NOW);
  assert.match(bounce.data.toString(), /Final-Recipient: rfc822; a@lab\.test/);
  assert.match(bounce.id, /^[a-z0-9]+$/i);
});

test("the same failures of the same attempt make the same bounce, others another", async () => {
  const idOf = async (attempt: number, ...addresses: string[]) =>
    (await bounceFor(jobData({ attempt }), addresses.map(failed), undefined, "relay.test", NOW)).id;
  const id = await idOf(1, "a@lab.test");
  assert.equal(await idOf(1, "a@lab.test"), id);
  assert.notEqual(await idOf(2, "a@lab.test"), id);
  assert.notEqual(await idOf(1, "b@lab.test"), id);
});
