import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyKey } from "../../src/store/keys.ts";
import { readBody } from "../../src/store/body.ts";
import { createMailQueue } from "../../src/store/mail-queue.ts";
import { joinText, splitText } from "../../src/store/text-pieces.ts";
import { startTestRedis } from "../support/redis.ts";
import { messageTo, open } from "./support.ts";

const textOf = (length: number) => Buffer.from(Array.from({ length }, (_, index) => index % 251));

test("a text lies in pieces that fill the sizes of the allocator", () => {
  const cases: [length: number, pieces: number[]][] = [
    [0, [0]],
    [1, [1]],
    // 1,018 and 6 are a size, and one more takes the next, 1,280: less is lost than a piece costs.
    [1_018, [1_018]],
    [1_019, [1_019]],
    [2_042, [2_042]],
    [2_043, [2_042, 1]],
    [4_090, [4_090]],
    [4_096, [4_090, 6]],
    [4_262, [4_090, 172]],
    // Little would be gained.
    [5_000, [5_000]],
    [65_530, [65_530]],
    [65_536, [65_530, 6]],
    [70_000, [65_530, 4_470]],
    [1_048_566, [1_048_566]],
    [1_048_576, [1_048_566, 10]],
  ];
  for (const [length, pieces] of cases) {
    const text = textOf(length);
    const found = splitText(text);
    assert.deepEqual(
      found.map((piece) => piece.length),
      pieces,
      String(length),
    );
    assert.deepEqual(joinText(found[0], found[1]), text);
  }
});

test("a text that is gone is gone, whatever is left of it", () => {
  assert.equal(joinText(null, null), undefined);
  assert.equal(joinText(undefined, Buffer.from("rest")), undefined);
  assert.deepEqual(joinText(Buffer.from("a"), null), Buffer.from("a"));
});

test("no text of any size takes a twentieth more in Redis than it has bytes, beyond what every message takes", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const queue = createMailQueue({ connection });
  // Just above a size of the allocator, and in the middle between two.
  for (const length of [1_400, 2_049, 4_300, 9_000, 33_000, 65_700, 66_000, 90_000, 132_000, 1_060_000]) {
    const id = `M${length}`;
    await queue.add(messageTo(id, ["a@one.example"], "x".repeat(length)), { lifetimeMs: 60_000 });
    const text = await readBody(connection.redis, id);
    assert.ok(text !== undefined && text.length >= length);
    const used = Number(await connection.redis.memory("USAGE", bodyKey(id), "SAMPLES", 0));
    assert.ok(used < text.length * 1.05 + 700, `${text.length} bytes take ${used}`);
  }
  await queue.close();
});
