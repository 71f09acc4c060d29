/** The commands `policy`, `rule` and `incidents`: their lines, and what they show of a running relay. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { main } from "../../src/main.ts";
import { startTestRelay } from "../support/relay.ts";

test("a wrong command line ends with 2 and says what would be right, before anything is touched", async (t) => {
  const cases: [string[], RegExp][] = [
    [["rule", "set"], /DOMAIN is missing/],
    [["rule", "set", "a.example"], /Give --mta-sts or --pin-mx/],
    [["rule", "set", "a.example", "--mta-sts", "require", "--pin-mx", "b"], /Give --mta-sts or --pin-mx/],
    [["rule", "set", "a.example", "--mta-sts", "disable"], /until when\? Give --until/],
    [["rule", "set", "a.example", "--mta-sts", "disable", "--until", "48h"], /why\? Give --reason/],
    [
      ["rule", "set", "a.example", "--mta-sts", "off", "--until", "1h", "--reason", "x"],
      /off is no rule; known: optional/,
    ],
    [
      ["rule", "set", "a.example", "--mta-sts", "disable", "--until", "soon", "--reason", "x"],
      /--until soon is neither/,
    ],
    [
      ["rule", "set", "a.example", "--mta-sts", "disable", "--until", "2020-01-01", "--reason", "x"],
      /end is in the past/,
    ],
    [["rule", "set", "a b", "--mta-sts", "disable", "--until", "1h", "--reason", "x"], /"a b" is not a domain/],
    [["rule", "remove", "a@b"], /a@b is not a domain/],
    [["policy", "show", "1.2.3.4"], /1\.2\.3\.4 is not a domain/],
    [["policy", "forget", "a.example"], /may take the domain's protection away: say --yes/],
    [["policy", "shadow", "--days", "31"], /--days 31 is not a number from 1 to 30/],
    [["policy", "frob"], /there is no command "policy frob"; known: list, show, refresh, forget, shadow/],
  ];
  for (const [line, expected] of cases) {
    const { code, stdout, stderr } = await run(t, line);
    assert.deepEqual([code, stdout], [2, ""], line.join(" "));
    assert.match(stderr, expected, line.join(" "));
  }
});

test("policies, exceptions, incidents and shadow counts of a running relay are shown, to people and as JSON", async (t) => {
  await using lab = await startLab({ only: ["good-enforce.test", "testing-expired.test", "enforce-to-none.test"] });
  await using relay = await startTestRelay(lab);
  for (const { name } of lab.domains) await relay.send(`user@${name}`);
  for (const { next } of lab.domains) next?.change(lab);
  await relay.send("user@enforce-to-none.test");
  await relay.logged("incident-opened");
  const config = `${relay.dir}/relay.yaml`;
  const cases: [string[], number, RegExp[]][] = [
    [["policy"], 0, [/^enforce-to-none\.test +none +2 /m, /^good-enforce\.test +enforce +1 /m]],
    [["policy", "show", "enforce-to-none.test"], 0, [/^ {2}mode: none$/m, /enforce, id 1, max_age 86400/]],
    [["policy", "show", "unknown.test"], 1, [/no policy of unknown\.test is known/]],
    [["policy", "refresh", "good-enforce.test"], 0, [/^fetched: the policy of good-enforce\.test is as it was/]],
    [["policy", "refresh", "unknown.test"], 1, [/^unknown\.test has no MTA-STS record/]],
    [["policy", "shadow"], 0, [/^testing-expired\.test +would fail +1 +1 +mx\.testing-expired\.test: its cert/m]],
    [["policy", "shadow", "testing-expired.test"], 0, [/1 message, enforce would have refused 1 of them/]],
    [["policy", "shadow", "unknown.test"], 1, [/^No mail was counted\.$/m]],
    [["incidents"], 1, [/^enforce-to-none\.test +policy-weakened .*mode goes from enforce to none$/m]],
    [
      ["rule", "set", "A.Example", "--pin-mx", "mx.a.example", "--until", "48h", "--reason", "ours"],
      0,
      [/^set: a\.example, only mx\.a\.example/],
    ],
    [
      ["rule"],
      0,
      [/^a\.example +only mx\.a\.example with verified TLS +in 4[78] h +\S+@\S+ +ours$/m, /all others: optional/],
    ],
    [["rule", "remove", "a.example", "--author", "bert"], 0, [/^removed: a\.example/]],
    [["rule", "remove", "a.example"], 1, [/a\.example has no exception/]],
    [["rule", "list", "--trail"], 0, [/bert removed a\.example.*\n.* set a\.example/]],
    [["policy", "forget", "good-enforce.test", "--yes"], 0, [/not in force any more/]],
    [["policy", "forget", "unknown.test", "--yes"], 1, [/no policy of unknown\.test is known/]],
    [["policy", "show", "good-enforce.test"], 0, [/state +forgotten/]],
  ];
  for (const [line, expected, texts] of cases) {
    const { code, stdout, stderr } = await run(t, [...line, "-c", config]);
    assert.equal(code, expected, `${line.join(" ")}: ${stdout}${stderr}`);
    for (const text of texts) assert.match(stdout + stderr, text, line.join(" "));
  }
  for (const line of [
    "policy",
    "policy show good-enforce.test",
    "policy shadow",
    "rule",
    "rule list --trail",
    "incidents --all",
  ]) {
    const { stdout } = await run(t, [...line.split(" "), "--json", "-c", config]);
    assert.doesNotThrow(() => JSON.parse(stdout) as unknown, line);
  }
  const forgotten = await relay.logged("policy-forgotten");
  assert.equal(forgotten["domain"], "good-enforce.test");
});

/** In this process, with what it writes kept. */
async function run(t: TestContext, line: string[]) {
  const written = { stdout: "", stderr: "" };
  const mocks = (["stdout", "stderr"] as const).map((name) =>
    t.mock.method(process[name], "write", (text: string) => {
      written[name] += text;
      return true;
    }),
  );
  try {
    return { code: await main(line), ...written };
  } finally {
    for (const mock of mocks) mock.mock.restore();
  }
}
