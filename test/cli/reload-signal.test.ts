import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { startChild } from "./start-child.ts";

test("SIGHUP: what can change is in force, what needs a restart is named, and a wrong configuration changes nothing", async (t) => {
  const { child, file, lines, logged } = await startChild(t);

  await writeFile(file, "log: { level: debug }\nretry: { lifetime: 1d }\ndelivery: { concurrency: 7 }\n");
  child.kill("SIGHUP");
  const applied = await logged("configuration-applied");
  assert.deepEqual(applied["settings"], ["retry.lifetime", "log.level"]);
  assert.equal(applied.msg, "in force from now on: retry.lifetime, log.level");
  assert.deepEqual((await logged("restart-needed"))["settings"], ["delivery.concurrency"]);

  const before = lines.length;
  await writeFile(
    file,
    "log: { level: loud }\nretry: { lifetime: 5 }\nsubmission: { trustedNetworks: [0.0.0.0/0] }\nnonsense: 1\n",
  );
  child.kill("SIGHUP");
  assert.equal((await logged("configuration-refused", before))["errors"], 4);
  const problems = lines.slice(before).flatMap(({ event, msg = "" }) => (event === "configuration" ? [msg] : []));
  assert.match(problems.join("\n"), /^config\/relay\.yaml:1 log\.level: /m);
  assert.match(problems.join("\n"), /^config\/relay\.yaml:2 retry\.lifetime: /m);
  assert.match(problems.join("\n"), /^config\/relay\.yaml:3 submission\.trustedNetworks: .* would let strangers send/m);
  assert.match(problems.join("\n"), /^config\/relay\.yaml:4 nonsense: there is no such setting/m);
  assert.equal(
    lines.slice(before).some(({ event }) => event === "configuration-applied"),
    false,
  );

  const later = lines.length;
  await writeFile(file, "log: { level: debug }\nretry: { lifetime: 1d }\ndelivery: { concurrency: 7 }\n");
  child.kill("SIGHUP");
  assert.equal((await logged("configuration-applied", later)).msg, "no setting to apply has changed");
  child.kill("SIGTERM");
  const [code] = (await once(child, "close")) as [number | null];
  assert.equal(code, 0);
});
