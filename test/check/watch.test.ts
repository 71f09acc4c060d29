/** What is told of a watched domain: what has changed since it was last looked at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { finding, type Severity } from "../../src/check/finding.ts";
import { type Change, changeSince, keep, type KeptResult, type Problem } from "../../src/check/kept-result.ts";
import type { CheckResult } from "../../src/check/result.ts";
import { type CheckMemory, checkWatched } from "../../src/check/watch.ts";

const problem = (code: string, severity: Severity = "error", host?: string): Problem => ({
  code,
  severity,
  says: code,
  ...(host === undefined ? {} : { host }),
});

const kept = (problems: Problem[], message: KeptResult["message"] & string = "sent"): KeptResult => ({
  checkedAt: 0,
  severity: problems[0]?.severity ?? "info",
  message,
  problems,
});

test("a change is what appeared and what is gone, and not what only reads differently", () => {
  const cases: [what: string, before: KeptResult | undefined, after: KeptResult, appeared: string[], gone: string[]][] =
    [
      ["first check", undefined, kept([]), [], []],
      ["first check, not fine", undefined, kept([problem("a")]), ["a"], []],
      ["new", kept([]), kept([problem("a")]), ["a"], []],
      ["gone", kept([problem("a")]), kept([]), [], ["a"]],
      ["worse", kept([problem("a", "warning")]), kept([problem("a")]), ["a"], ["a"]],
      ["another host", kept([problem("a", "error", "mx1")]), kept([problem("a", "error", "mx2")]), ["a"], ["a"]],
      ["mail fares differently", kept([problem("a")]), kept([problem("a")], "waits"), [], []],
    ];
  for (const [what, before, after, appeared, gone] of cases) {
    const change = changeSince(before, "d.example", after);
    assert.ok(change !== undefined, what);
    assert.deepEqual(
      [change.appeared, change.gone].map((all) => all.map(({ code }) => code)),
      [appeared, gone],
      what,
    );
  }
  const otherWords = { ...problem("a"), says: "ends in 3 days" };
  assert.equal(changeSince(kept([problem("a")]), "d.example", kept([otherWords])), undefined);
  assert.equal(changeSince(kept([]), "d.example", { ...kept([]), severity: "ok", checkedAt: 5 }), undefined);
});

test("of a result its warnings and errors are kept", () => {
  const findings = [
    finding("hosts", "ok", "a", "x"),
    finding("hosts", "info", "b", "x"),
    finding("hosts", "warning", "c", "x"),
    finding("hosts", "error", "d", "x"),
  ];
  const result: CheckResult = { domain: "d.example", checkedAt: 7, severity: "error", findings };
  assert.deepEqual(keep(result), {
    checkedAt: 7,
    severity: "error",
    problems: [problem("c", "warning"), problem("d")].map((each) => ({ ...each, says: "x" })),
  });
});

test("each watched domain is checked, kept and told of once, and others are forgotten", async () => {
  const results = new Map<string, KeptResult>([["old.example", kept([])]]);
  const memory: CheckMemory = {
    last: async (domain) => results.get(domain),
    keep: async (domain, result) => void results.set(domain, result),
    forgetOthers: async (watched) => {
      for (const domain of results.keys()) if (!watched.includes(domain)) results.delete(domain);
    },
  };
  const told: Change[] = [];
  let severity: Severity = "warning";
  const check = async (domain: string): Promise<CheckResult> => ({
    domain,
    checkedAt: 1,
    severity,
    findings: [finding("hosts", severity, "a", "x")],
  });
  const parts = { check, memory, report: (change: Change) => void told.push(change) };
  const { signal } = new AbortController();
  await checkWatched(parts, ["a.example", "b.example"], signal);
  await checkWatched(parts, ["a.example", "b.example"], signal);
  severity = "error";
  await checkWatched(parts, ["a.example"], signal);
  assert.deepEqual(
    told.map(({ domain, before, severity }) => [domain, before, severity]),
    [
      ["a.example", undefined, "warning"],
      ["b.example", undefined, "warning"],
      ["a.example", "warning", "error"],
    ],
  );
  assert.deepEqual([...results.keys()], ["a.example"]);
});
