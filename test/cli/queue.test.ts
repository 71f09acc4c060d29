/** The command lines of `queue`, `message` and `messages`, before any Redis is asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { queueCommand } from "../../src/cli/queue.ts";
import { readSelection } from "../../src/cli/queue-options.ts";
import { main } from "../../src/main.ts";
import { directory } from "../config/read.ts";
import { stsRelay } from "./run.ts";

test("a wrong command line ends with 2 and says what would be right, before anything is touched", async (t) => {
  const cases: [string, RegExp][] = [
    ["queue hold", /which deliveries\? Name an ID/],
    ["queue drop m1", /cannot be undone: say --yes, or --dry-run/],
    ["queue drop --to one.example", /cannot be undone/],
    ["queue bounce --all", /cannot be undone/],
    ["queue retry --all --to one.example", /--all goes with no ID/],
    ["queue list --state sleeping", /--state sleeping is none; known: waiting, active, deferred, due, held/],
    ["queue list --to user@one.example", /--to user@one\.example is not a domain/],
    ["queue list --limit 0", /--limit 0 is not a number of lines/],
    ["queue show", /ID is missing/],
    ["queue frob", /there is no command "queue frob"; known: list, show, retry, hold/],
    ["queue lst", /there is no command "queue lst"; did you mean "list"\?/],
    ["message", /ID is missing/],
    ["messages --since yesterday", /--since yesterday is not a duration/],
    ["messages --state gone", /--state gone is none/],
  ];
  const written = t.mock.method(process.stderr, "write", () => true);
  for (const [line, expected] of cases) {
    written.mock.resetCalls();
    assert.equal(await main(line.split(" ")), 2, line);
    assert.match(written.mock.calls.map((call) => String(call.arguments[0])).join(""), expected, line);
  }
});

test("with no relay running on the directory, they end with 69 and say so", async (t) => {
  const cwd = directory(t);
  for (const line of ["queue", "queue hold m1", "message m1"]) {
    const { code, stderr } = await stsRelay(line.split(" "), { cwd });
    assert.equal(code, 69, line);
    assert.match(stderr, /no relay runs on .*data\/redis/, line);
  }
});

test("with the configured Redis away, they end with 69", async (t) => {
  const cwd = directory(t, { "config/relay.yaml": "redis:\n  url: redis://127.0.0.1:1/0\n" });
  const { code, stderr } = await stsRelay(["queue"], { cwd });
  assert.equal(code, 69);
  assert.match(stderr, /Redis at redis:\/\/127\.0\.0\.1:1\/0: no answer within 3 s/);
});

test("the help of `queue` lists its commands, and each has its own", async (t) => {
  const written = t.mock.method(process.stdout, "write", () => true);
  const helpOf = async (name: string) => {
    written.mock.resetCalls();
    assert.equal(await main([...name.split(" "), "--help"]), 0);
    return written.mock.calls.map((call) => String(call.arguments[0])).join("");
  };
  const overall = await helpOf("queue");
  const own = new Map<string, string>();
  for (const { name } of queueCommand.subcommands ?? []) own.set(name, await helpOf(name));
  written.mock.restore();
  for (const { name, summary } of queueCommand.subcommands ?? []) {
    assert.ok(overall.includes(`sts-relay ${name} `) && overall.includes(summary), name);
    assert.ok(own.get(name)?.startsWith(`sts-relay ${name}: ${summary}\n\nUsage: sts-relay ${name} `), own.get(name));
  }
});

test("options are read into a selection", () => {
  assert.deepEqual(readSelection({}, []), { selection: {} });
  assert.deepEqual(readSelection({ from: "<>", to: "Bücher.example", state: "held" }, ["m1"]), {
    selection: { messages: ["m1"], from: "", to: "xn--bcher-kva.example", state: "held" },
  });
  assert.deepEqual(readSelection({ to: "[192.0.2.1]" }, []), { selection: { to: "[192.0.2.1]" } });
});
