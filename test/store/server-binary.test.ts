import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultMaxMemory, findServer, parseVersion, serverFlags } from "../../src/store/server-binary.ts";

const GiB = 1024 ** 3;

test("the version is read from what Redis and Valkey say", () => {
  const cases: Record<string, string | undefined> = {
    "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0": "7.0.15",
    "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=af0a6a1f9d6a4a2d": "8.0.1",
    "command not found": undefined,
    "": undefined,
  };
  for (const [output, expected] of Object.entries(cases)) assert.equal(parseVersion(output), expected, output);
});

test("without a server in PATH the error says how to install one on each system", async () => {
  for (const path of [undefined, "", "/nowhere"]) {
    await assert.rejects(findServer(path), /apt-get install redis-server[^]*apk add[^]*dnf install[^]*brew install/);
  }
});

test("a server older than 6.2 is refused, and flags of 7.0 are only given to 7.0", () => {
  const flags = (version: string) => serverFlags({ version, dir: "/d", socketPath: "/d/s", maxMemoryBytes: 1 });
  assert.throws(() => flags("6.0.16"), /needs 6\.2/);
  assert.ok(!flags("6.2.14").includes("--shutdown-timeout"));
  assert.ok(flags("7.0.15").includes("--shutdown-timeout"));
  assert.ok(flags("8.0.1").includes("--shutdown-timeout"));
});

test("the server may use half of the memory there is, of the container's where that is less, and 4 GiB at most", () => {
  const cases: Array<[number, number, number]> = [
    [2 * GiB, 0, GiB],
    [2 * GiB, 2 ** 63, GiB],
    [64 * GiB, GiB, GiB / 2],
    [64 * GiB, 0, 4 * GiB],
  ];
  for (const [total, constrained, expected] of cases) assert.equal(defaultMaxMemory(total, constrained), expected);
});
