import assert from "node:assert/strict";
import { test } from "node:test";
import { createTlsSites } from "../../src/store/tls-sites.ts";
import { startTestRedis } from "../support/redis.ts";
import { open } from "./support.ts";

const NOW = Date.parse("2026-11-22T10:00:00Z");
const MINUTE = 60_000;
const DAY = 86_400_000;

test("a site is lost when it took TLS before, from then on, until it takes it again or a day has passed", async () => {
  await using redis = await startTestRedis();
  await using connection = await open(redis.socketPath);
  const sites = createTlsSites(connection);
  await sites.note({ taken: ["a.example", "b.example"], notOffered: ["never.example"], at: NOW });
  assert.deepEqual(await sites.lost(NOW - MINUTE, NOW), { recent: [], all: 0 });

  await sites.note({ taken: [], notOffered: ["a.example", "b.example", "never.example"], at: NOW + MINUTE });
  assert.deepEqual(await sites.lost(NOW, NOW + MINUTE), { recent: ["a.example", "b.example"], all: 2 });
  await sites.note({ taken: [], notOffered: ["a.example"], at: NOW + 20 * MINUTE });
  assert.deepEqual(
    await sites.lost(NOW + 10 * MINUTE, NOW + 20 * MINUTE),
    { recent: [], all: 2 },
    "lost since the first time",
  );

  await sites.note({ taken: ["a.example"], notOffered: [], at: NOW + 21 * MINUTE });
  assert.deepEqual(await sites.lost(NOW, NOW + 21 * MINUTE), { recent: ["b.example"], all: 1 });
  const later = NOW + DAY + 2 * MINUTE;
  assert.deepEqual(await sites.lost(NOW, later), { recent: [], all: 0 });
  await sites.note({ taken: [], notOffered: ["b.example"], at: later });
  assert.equal((await sites.lost(NOW, later)).all, 0, "that is how it is now");
});
