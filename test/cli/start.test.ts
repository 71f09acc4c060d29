import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { startChild } from "./start-child.ts";

test("start runs until SIGTERM, then stops in good order and ends with 0", async (t) => {
  const { child, lines } = await startChild(t);
  child.kill("SIGTERM");
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 0);
  const events = lines.map((line) => line["event"]);
  assert.ok(events.includes("stopping"));
  assert.equal(events.at(-1), "stopped");
});

test("SIGHUP does not end it", async (t) => {
  const { child } = await startChild(t);
  child.kill("SIGHUP");
  child.kill("SIGINT");
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 0);
});
