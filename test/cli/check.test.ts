/** `sts-relay check` from a shell: what it prints, and its exit codes. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { type Lab, startLab } from "../../src/lab/lab.ts";
import { labConfig } from "../../src/cli/lab-config.ts";
import { directory } from "../config/read.ts";
import { stsRelay } from "./run.ts";

type Report = {
  severity: string;
  checks: { domain: string; severity: string; message: { kind: string }; findings: { code: string }[] }[];
};

/** A directory with the configuration of a relay in the lab that has never run. */
function besideLab(t: TestContext, lab: Lab): string {
  const caFile = "ca.pem";
  const config = labConfig({ ...lab.settings, caFile, redisDir: "redis", port: 0 });
  return directory(t, { "relay.yaml": config, [caFile]: lab.settings.caPem });
}

test("the exit code is that of the worst finding, and a relay need not run", async (t) => {
  await using lab = await startLab({ only: ["good-enforce.test", "first-mx-down.test", "self-signed.test"] });
  const cwd = besideLab(t, lab);
  const cases: [domains: string[], code: number, head: RegExp][] = [
    [["good-enforce.test"], 0, /^✓ good-enforce\.test: nothing wrong$/m],
    [["first-mx-down.test", "good-enforce.test"], 3, /^! first-mx-down\.test: 1 warning$/m],
    [["self-signed.test", "Good-Enforce.test."], 4, /^✗ self-signed\.test: 2 errors$/m],
  ];
  for (const [domains, expected, head] of cases) {
    const { code, stdout, stderr } = await stsRelay(["check", ...domains, "-c", "relay.yaml"], { cwd });
    assert.equal(code, expected, stdout + stderr);
    assert.match(stdout, head);
    assert.match(stderr, /^sts-relay check: goes on without what a relay has cached: no relay runs on /);
    assert.ok(stdout.split("\n").every((line) => line.length <= 80));
    // No terminal, no colours.
    assert.ok(!stdout.includes("\u001B"));
  }
  const { code, stdout } = await stsRelay(
    ["check", "self-signed.test", "good-enforce.test", "--json", "-c", "relay.yaml"],
    { cwd },
  );
  assert.equal(code, 4);
  const report = JSON.parse(stdout) as Report;
  assert.deepEqual(
    [
      report.severity,
      ...report.checks.map(({ domain, severity, message }) => [domain, severity, message.kind].join(" ")),
    ],
    ["error", "self-signed.test error waits", "good-enforce.test info sent"],
  );
});

test("--file reads a policy file line by line, from a file or standard input", async (t) => {
  const good = "version: STSv1\nmode: enforce\nmx: mx.d.example\nmax_age: 604800\n";
  const cwd = directory(t, {
    "good.txt": good,
    "short.txt": good.replace("604800", "60"),
    "bad.txt": good.replace("mode:", "mode"),
  });
  const cases: [args: string[], input: string, code: number, stdout: RegExp][] = [
    [["good.txt"], "", 0, /^good\.txt: a policy with nothing wrong in it\n$/],
    [["short.txt"], "", 3, /^short\.txt:4: warning: max_age is 1 minute: too short to protect anybody\n$/],
    [["bad.txt"], "", 4, /^bad\.txt:2: error: not "key: value"\nbad\.txt: error: no mode\n$/],
    [["-"], good.replace("enforce", "force"), 4, /^standard input:2: error: mode "force" is not/],
    [["bad.txt", "--json"], "", 4, /"severity": "error",\s+"notes": \[/],
  ];
  for (const [args, input, expected, text] of cases) {
    const { code, stdout, stderr } = await stsRelay(["check", "--file", ...args], { cwd, input });
    assert.deepEqual([code, stderr], [expected, ""], stdout);
    assert.match(stdout, text);
  }
});

test("a wrong command line ends with 2", async (t) => {
  const cwd = directory(t);
  const cases: [string[], RegExp][] = [
    [[], /give either domains or --file/],
    [["d.example", "--file", "x"], /give either domains or --file/],
    [["d.example", "not a domain"], /"not a domain" is not a domain/],
    [["192.0.2.1"], /"192\.0\.2\.1" is not a domain/],
    [["--file", "nowhere.txt"], /nowhere\.txt does not exist/],
    [["d.example", "--jsn"], /did you mean "--json"\?/],
  ];
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await stsRelay(["check", ...args], { cwd });
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, expected);
  }
});
