import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { verifyPassword } from "../../src/submission/password-hash.ts";
import { directory } from "../config/read.ts";
import { plainEnvironment, stsRelay } from "./run.ts";

const COMMANDS = ["start", "lab", "check", "check-config", "hash-password"];

test("every command shows its help, its options and the exit codes", async (t) => {
  const cwd = directory(t);
  const overall = await stsRelay(["--help"], { cwd });
  assert.equal(overall.code, 0);
  for (const command of COMMANDS) {
    assert.match(overall.stdout, new RegExp(`^  ${command} `, "m"));
    const { code, stdout, stderr } = await stsRelay([command, "--help"], { cwd });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, new RegExp(`^Usage: sts-relay ${command}`, "m"));
    assert.match(stdout, /-h, --help/);
    assert.match(stdout, /78 .*configuration/);
  }
});

test("the version is the package's", async (t) => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  assert.deepEqual(await stsRelay(["--version"], { cwd: directory(t) }), {
    code: 0,
    stdout: `${version}\n`,
    stderr: "",
  });
});

test("a wrong command line ends with 2 and says what would be right", async (t) => {
  const cwd = directory(t);
  const cases: [string[], RegExp][] = [
    [[], /^Usage:/m],
    [["strat"], /^sts-relay: there is no command "strat"; did you mean "start"\?$/m],
    [["frobnicate"], /known: start, lab, .*\bcheck, check-config, /m],
    [["start", "--confg"], /^sts-relay start: there is no option --confg; did you mean "--config"\?$/m],
    [["lab", "--exit"], /^sts-relay lab: --exit goes with --relay$/m],
    [["lab", "--port", "70000"], /^sts-relay lab: --port 70000 is not a port/m],
  ];
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await stsRelay(args, { cwd });
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, expected);
  }
});

test("start and check-config end with 78 when the configuration is wrong, and show all that is", async (t) => {
  const yaml = "submission:\n  listners: []\ndelivery:\n  port: 99999\ntls:\n  caFile: nowhere.pem\n";
  const cwd = directory(t, { "config/relay.yaml": yaml });
  for (const command of ["start", "check-config"]) {
    const { code, stdout, stderr } = await stsRelay([command], {
      cwd,
      env: plainEnvironment({ RELAY_DNS__TRIES: "0" }),
    });
    assert.deepEqual([code, stdout], [78, ""], command);
    const expected = [
      /^config\/relay\.yaml:2 submission\.listners: there is no such setting; did you mean "listeners"\?$/m,
      /^config\/relay\.yaml:4 delivery\.port: 99999 is too large; /m,
      /^config\/relay\.yaml:6 tls\.caFile: .*nowhere\.pem does not exist; /m,
      /^RELAY_DNS__TRIES dns\.tries: 0 is too small; /m,
    ];
    for (const line of expected) assert.match(stderr, line);
    assert.equal(stderr.trim().split("\n").length, expected.length, stderr);
  }
});

test("check-config says what would run, and shows no secret", async (t) => {
  const yaml = `
redis: { url: "redis://me:tr0ub4dor@redis.example:6379/0" }
domains: { a.example: { route: { host: smart.example, user: me, password: tr0ub4dor } } }
`;
  const cwd = directory(t, { "other.yaml": yaml });
  const { code, stdout, stderr } = await stsRelay(["check-config", "--config", "other.yaml"], { cwd });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^ok: /);
  assert.match(stdout, /listens on +127\.0\.0\.1:2525 \(no TLS\)/);
  assert.match(stdout, /a\.example +by smart\.example:25 with a login/);
  assert.match(stdout, /Redis +redis:\/\/redis\.example:6379\/0/);
  assert.doesNotMatch(stdout, /tr0ub4dor/);
});

test("check-config --json prints one object, right or wrong", async (t) => {
  const cwd = directory(t, { "good.yaml": "", "bad.yaml": "retry: { jitter: 2 }" });
  const good = await stsRelay(["check-config", "--json", "-c", "good.yaml"], { cwd });
  assert.equal(good.code, 0);
  assert.equal((JSON.parse(good.stdout) as { ok: boolean }).ok, true);
  const bad = await stsRelay(["check-config", "--json", "-c", "bad.yaml"], { cwd });
  assert.equal(bad.code, 78);
  assert.deepEqual((JSON.parse(bad.stdout) as { problems: unknown }).problems, [
    {
      severity: "error",
      place: "bad.yaml:1",
      setting: "retry.jitter",
      what: "2 is too large",
      right: "expected a number from 0 to 1",
    },
  ]);
});

test("hash-password reads one line of standard input and prints a hash that verifies", async (t) => {
  const cwd = directory(t);
  for (const input of ["correct horse", "correct horse\r\nsecond line\n"]) {
    const { code, stdout, stderr } = await stsRelay(["hash-password"], { cwd, input });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^\$scrypt\$[^\n]+\n$/);
    assert.equal(await verifyPassword("correct horse", stdout.trim()), true);
  }
  for (const input of ["\n", "x".repeat(2000)]) {
    const { code, stdout, stderr } = await stsRelay(["hash-password"], { cwd, input });
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^sts-relay hash-password: the password is/);
  }
});

test("start ends with 69 when there is no Redis to run, and says what to install", async (t) => {
  const cwd = directory(t);
  const env = plainEnvironment({ PATH: cwd, RELAY_SUBMISSION__LISTENERS: "[{ port: 0 }]" });
  const { code, stderr } = await stsRelay(["start"], { cwd, env });
  assert.equal(code, 69, stderr);
  assert.match(stderr, /^sts-relay start: .*redis-server/m);
});
