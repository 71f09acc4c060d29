import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createMetrics } from "../../src/observe/metrics.ts";

const read = (name: string) => readFileSync(new URL(`../../config/${name}`, import.meta.url), "utf8");

test("alert rules and the Grafana dashboard ask only for metrics that the relay has", async () => {
  const text = await createMetrics({ version: "1.2.3" }).text({ redisUp: true });
  const known = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  for (const file of ["prometheus-alerts.yaml", "grafana-dashboard.json"]) {
    const asked = [...read(file).matchAll(/\b(sts_relay_\w+|nodejs_\w+|process_\w+)/g)].map(([, name = ""]) => name);
    assert.ok(asked.length > 5, file);
    for (const name of asked) assert.ok(known.has(name.replace(/_(bucket|sum|count)$/, "")), `${file}: ${name}`);
  }
});

test("the Grafana dashboard is one, with panels that have titles and queries", () => {
  const dashboard = JSON.parse(read("grafana-dashboard.json")) as {
    uid: string;
    panels: { title: string; type: string; targets?: { expr: string }[] }[];
  };
  assert.equal(dashboard.uid, "sts-relay");
  for (const { title, type, targets } of dashboard.panels) {
    assert.ok(title.length > 0);
    if (type !== "row")
      assert.ok(
        targets?.every(({ expr }) => expr.length > 0),
        title,
      );
  }
});
