import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../cli/run.ts";
import { directory } from "../config/read.ts";

const SETUP = fileURLToPath(new URL("../../scripts/lib/setup.sh", import.meta.url));

/** What every machine has. */
const BASE = ["sh", "env", "dirname", "touch", "cat", "grep", "chmod", "mkdir"];

type Machine = {
  /** Programs and what they do, as shell. Each call is noted first. */
  programs: Record<string, string>;
  /** Is node_modules there? */
  modules?: "none" | "old" | "fresh";
};

const ROOT = { id: "echo 0" };
const USER = { id: "echo 1000" };
const NODE_24 = { npm: "", node: "echo v24.1.0" };
const NODE_20 = { npm: "", node: "echo v20.1.0" };
const REDIS = { "redis-server": "" };

/** A shell line that makes a program appear, as installing a package would. */
const brings = (...names: string[]) =>
  `case "$*" in *install*|*add*) ${names
    .map((name) => {
      const output = name === "node" ? "echo v24.1.0" : ":";
      return `printf '#!/bin/sh\\n${output}\\n' >"$BIN/${name}"; chmod +x "$BIN/${name}";`;
    })
    .join(" ")} esac`;

/** Runs the set-up on a machine that has these programs and no others. */
async function setUp(t: TestContext, { programs, modules = "fresh" }: Machine, also = "") {
  const root = directory(t, { "package-lock.json": "{}" });
  const bin = join(root, "bin");
  mkdirSync(bin);
  for (const name of BASE) symlinkSync(whereIs(name), join(bin, name));
  for (const [name, does] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >>"$BIN/../calls"\n${does}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  if (modules !== "none") {
    mkdirSync(join(root, "node_modules"));
    writeFileSync(join(root, "node_modules/.package-lock.json"), "{}");
    const age = modules === "old" ? -1000 : 1000;
    const time = new Date(Date.now() + age * 1000);
    utimesSync(join(root, "node_modules/.package-lock.json"), time, time);
  }
  const script = `set -eu; root=${root}; . ${SETUP}; set_up; ${also} echo "ready with $NODE"`;
  const ended = await run(join(bin, "sh"), ["-c", script], { cwd: root, env: { PATH: bin, BIN: bin } });
  const calls = existsSync(join(root, "calls")) ? readFileSync(join(root, "calls"), "utf8").trim().split("\n") : [];
  // Asking for versions and who one is changes nothing.
  return { ...ended, calls: calls.filter((call) => !/^(?:node --version|id -u|sudo -n true)$/.test(call)) };
}

function whereIs(program: string): string {
  const places = (process.env["PATH"] ?? "").split(delimiter).map((dir) => join(dir, program));
  return places.find((place) => existsSync(place)) ?? program;
}

test("where nothing is missing nothing is said or done", async (t) => {
  const { code, stderr, calls } = await setUp(t, { programs: { ...USER, ...NODE_24, ...REDIS } });
  assert.deepEqual([code, stderr, calls], [0, "", []]);
});

test("valkey-server is as good as redis-server", async (t) => {
  const { code, calls } = await setUp(t, { programs: { ...USER, ...NODE_24, "valkey-server": "" } });
  assert.deepEqual([code, calls], [0, []]);
});

test("modules are installed when they are not there or older than the lock file", async (t) => {
  for (const modules of ["none", "old"] as const) {
    const npm = "mkdir -p node_modules; touch node_modules/.package-lock.json";
    const { code, stderr, calls } = await setUp(t, { programs: { ...USER, ...NODE_24, npm, ...REDIS }, modules });
    assert.deepEqual([code, stderr], [0, "sts-relay: installing the Node modules (npm ci)\n"]);
    assert.deepEqual(calls, ["npm ci --include=dev --include=optional --no-audit --no-fund --loglevel=error"]);
  }
});

test("an old Node.js is good enough for npm, which brings a new one among the modules", async (t) => {
  const npm = `mkdir -p node_modules/.bin
    printf '#!/bin/sh\\necho v24.1.0\\n' >node_modules/.bin/node; chmod +x node_modules/.bin/node
    touch node_modules/.package-lock.json`;
  const { code, stdout } = await setUp(t, { programs: { ...USER, ...NODE_20, npm, ...REDIS }, modules: "none" });
  assert.equal(code, 0);
  assert.match(stdout, /node_modules\/\.bin\/node$/m);
});

test("each package manager brings what is missing, without a question", async (t) => {
  const cases: [manager: string, programs: string[], calls: RegExp[]][] = [
    [
      "apt-get",
      ["npm", "node", "redis-server"],
      [/^apt-get update/, /^apt-get install -y .*nodejs npm$/, /^apt-get install -y .* redis-server$/],
    ],
    ["apk", ["npm", "node", "redis-server"], [/^apk add .*nodejs npm$/, /^apk add .*redis$/]],
    ["dnf", ["npm", "node", "valkey-server"], [/^dnf install -y .*nodejs npm$/, /^dnf install -y .*redis$/]],
    ["brew", ["npm", "node", "redis-server"], [/^brew install .*node$/, /^brew install .*redis$/]],
  ];
  for (const [manager, programs, expected] of cases) {
    // The first installation brings Node.js, the second one Redis.
    const does = `case "$*" in *node*) set -- install; ${brings("npm", "node")};; *redis*|*valkey*) set -- install; ${brings(programs.at(-1) ?? "")};; esac`;
    const { code, stderr, calls } = await setUp(t, { programs: { ...ROOT, [manager]: does } });
    assert.equal(code, 0, stderr);
    const installing = calls.filter((call) => call.startsWith(manager));
    assert.equal(installing.length, expected.length, installing.join("\n"));
    for (const [index, call] of expected.entries()) assert.match(installing[index] ?? "", call);
  }
});

test("root is asked for only where a package must be installed", async (t) => {
  const sudo = { sudo: '[ "$1" = -n ] || "$@"', "apt-get": brings("redis-server") };
  const { code, stderr, calls } = await setUp(t, { programs: { ...USER, ...NODE_24, ...sudo } });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^sts-relay: redis-server is missing\nsts-relay: installing redis-server with apt\n/);
  assert.ok(calls.some((call) => /^sudo env .*apt-get install .*redis-server$/.test(call)));
});

test("what cannot be brought is said clearly, with exit code 69", async (t) => {
  const cases: [Machine, RegExp][] = [
    [{ programs: { ...USER } }, /install Node\.js 24 with npm from https:\/\/nodejs\.org/],
    [{ programs: { ...USER, ...NODE_20, ...REDIS } }, /Node\.js 24 or later is needed/],
    [{ programs: { ...USER, ...NODE_24 } }, /install redis-server or valkey-server and run this again/],
    [{ programs: { ...USER, ...NODE_24, "apt-get": "" } }, /root is needed for: apt-get update/],
    [{ programs: { ...ROOT, ...NODE_24, "apt-get": "exit 100" } }, /redis-server is still missing/],
    [{ programs: { ...USER, ...NODE_24, npm: "exit 1" }, modules: "none" }, /npm ci failed/],
  ];
  for (const [machine, expected] of cases) {
    const { code, stdout, stderr } = await setUp(t, machine);
    assert.deepEqual([code, stdout], [69, ""], stderr);
    assert.match(stderr, expected);
  }
});

test("the tests bring Python too, where it is not there, and say so where they cannot", async (t) => {
  const apt = { "apt-get": brings("python3") };
  const brought = await setUp(t, { programs: { ...ROOT, ...NODE_24, ...REDIS, ...apt } }, "ensure_python;");
  assert.equal(brought.code, 0);
  assert.ok(brought.calls.some((call) => /^apt-get install .*python3$/.test(call)));
  const there = await setUp(t, { programs: { ...ROOT, ...NODE_24, ...REDIS, python3: "" } }, "ensure_python;");
  assert.deepEqual([there.code, there.calls], [0, []]);
  const without = await setUp(t, { programs: { ...ROOT, ...NODE_24, ...REDIS } }, "ensure_python;");
  assert.equal(without.code, 69);
  assert.match(without.stderr, /python3 is still missing/);
});
