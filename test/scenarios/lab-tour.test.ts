/** Every domain of the lab through the whole relay: what must become of mail to it does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { runTour } from "../../src/lab/tour.ts";
import { startTestRelay } from "../support/relay.ts";

test("every domain of the lab gets its mail under exactly the security it asks for", async (t) => {
  await using lab = await startLab();
  await using relay = await startTestRelay(lab);
  const rows = await runTour({ lab, smtp: { host: "127.0.0.1", port: relay.port }, settled: relay.settled });
  for (const row of rows) {
    await t.test(`${row.domain}: ${row.shows}`, () => {
      assert.ok(row.ok, `${row.outcome}: ${row.problem} (${row.why})`);
    });
  }
});
