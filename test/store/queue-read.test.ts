import assert from "node:assert/strict";
import { test } from "node:test";
import { deliveryJobId, deliveryJobKey } from "../../src/store/keys.ts";
import { readSenders } from "../../src/store/queue-read.ts";
import { startTestRedis } from "../support/redis.ts";
import { open } from "./support.ts";

test("senders are read as they are, whatever else a job says and however JSON writes them", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const jobs: [id: string, data: { envid?: string; from: string; waitingBecause?: string }][] = [
    ["plain", { from: "app@sender.example" }],
    ["null sender", { from: "" }],
    ["quoted", { from: String.raw`"a\"b"@sender.example` }],
    ["backslash", { from: String.raw`"a\\"@sender.example` }],
    ["UTF-8", { from: "grüße@sender.example" }],
    ["other fields before it", { envid: '"from":"x@other.example"', from: "app@sender.example" }],
    ["other fields behind it", { from: "app@sender.example", waitingBecause: 'it said {"from":"x@other.example"}' }],
    ["brace", { from: "{app}@sender.example" }],
    ["equals sign", { from: "=app@sender.example" }],
  ];
  const refs = jobs.map(([id]) => ({ id: deliveryJobId(id, "a.example") }));
  for (const [index, [, data]] of jobs.entries()) {
    await connection.redis.hset(deliveryJobKey(refs[index]?.id ?? ""), { data: JSON.stringify(data) });
  }
  const senders = await readSenders(connection.redis, [...refs, { id: deliveryJobId("gone", "a.example") }]);
  assert.deepEqual(
    [...senders.values()],
    jobs.map(([, { from }]) => from),
  );
});
