import assert from "node:assert/strict";
import { test } from "node:test";
import { reportFor } from "../../src/delivery/report.ts";
import { asReported, dueReports, warnAt } from "../../src/delivery/reports.ts";
import { settle } from "../../src/delivery/settle.ts";
import { deferral } from "../../src/delivery/outcome.ts";
import type { DeliveryJobData, RecipientState } from "../../src/mail/delivery-job.ts";
import type { NotifyWord } from "../../src/mail/dsn.ts";
import { readReport } from "../mail/support/read-report.ts";
import { jobData } from "./support/job.ts";

const WARN_MS = 4 * 3_600_000;
const data = (change: Partial<DeliveryJobData> = {}) => jobData({ acceptedAt: new Date(0).toISOString(), ...change });

const STATES: Record<string, Omit<RecipientState, "address">> = {
  waiting: { state: "waiting", status: "4.4.1", detail: "x" },
  failed: { state: "failed", status: "5.1.1", detail: "x" },
  "failed, told": { state: "failed", bounced: true },
  delivered: { state: "delivered" },
  relayed: { state: "delivered", relayed: "to tell" },
  "relayed, told": { state: "delivered", relayed: "told" },
};

test("who hears what: by the state of a recipient and by NOTIFY (RFC 3461 section 4.1)", () => {
  const table: [notify: NotifyWord[] | undefined, Record<string, string>][] = [
    [undefined, { waiting: "delayed", failed: "failed", relayed: "relayed" }],
    [["NEVER"], { failed: "failed, unwanted" }],
    [["SUCCESS"], { failed: "failed, unwanted", relayed: "relayed" }],
    [["FAILURE"], { failed: "failed" }],
    [["DELAY"], { waiting: "delayed", failed: "failed, unwanted" }],
    [["FAILURE", "DELAY"], { waiting: "delayed", failed: "failed" }],
    [["SUCCESS", "FAILURE", "DELAY"], { waiting: "delayed", failed: "failed", relayed: "relayed" }],
  ];
  for (const [notify, expected] of table) {
    for (const [name, state] of Object.entries(STATES)) {
      if (state.relayed !== undefined && notify?.includes("SUCCESS") === false) continue;
      const recipients = [{ address: "a@lab.test", ...state, ...(notify === undefined ? {} : { notify }) }];
      const due = dueReports(data({ recipients }), WARN_MS, WARN_MS);
      const words = due.map(({ action, wanted }) => (wanted ? action : `${action}, unwanted`)).join();
      assert.equal(words, expected[name] ?? "", `${name} with NOTIFY=${notify?.join()}`);
    }
  }
});

test("the null sender hears nothing (RFC 5321 section 6.1)", () => {
  const recipients = Object.values(STATES).map((state, i) => ({ address: `${i}@lab.test`, ...state }));
  const due = dueReports(data({ from: "", recipients }), WARN_MS, WARN_MS);
  assert.deepEqual(
    due.map(({ action, wanted }) => [action, wanted]),
    [
      ["failed", false],
      ["relayed", false],
    ],
  );
});

test("the note on a delay comes after its time, once", () => {
  const recipients = [{ address: "a@lab.test", state: "waiting" as const }];
  const job = data({ recipients });
  assert.deepEqual(dueReports(job, WARN_MS - 1, WARN_MS), []);
  const due = dueReports(job, WARN_MS, WARN_MS);
  assert.equal(due.length, 1);
  const told = asReported(job, due, WARN_MS);
  assert.equal(told.delayReportedAt, new Date(WARN_MS).toISOString());
  assert.deepEqual(dueReports(told, 10 * WARN_MS, WARN_MS), []);
  assert.equal(warnAt(told, WARN_MS), Infinity);
});

test("what was reported is not reported again; the rest stays due", () => {
  const recipients = Object.entries(STATES).map(([name, state]) => ({ address: `${name}@lab.test`, ...state }));
  const job = data({ recipients });
  const due = dueReports(job, 0, WARN_MS);
  assert.deepEqual(
    due.map(({ action }) => action),
    ["failed", "relayed"],
  );
  const told = asReported(job, due.slice(0, 1), 0);
  assert.deepEqual(
    dueReports(told, 0, WARN_MS).map(({ action }) => action),
    ["relayed"],
  );
  assert.equal("delayReportedAt" in told, false);
});

test("the attempt after which a delay is reported is not put off beyond the time of that report", () => {
  const rules = { scheduleMs: [7_000], lifetimeMs: 100_000, jitter: 0, warnAfterMs: 10_000 };
  const waiting = { address: "a@lab.test", state: "waiting" as const };
  const cases: [what: string, now: number, change: Partial<DeliveryJobData>, at: number][] = [
    ["long before", 1_000, {}, 8_000],
    ["just before", 5_000, {}, 10_000],
    ["in the same second", 9_500, {}, 10_500],
    ["then by the schedule again", 10_000, {}, 17_000],
    ["told already", 5_000, { delayReportedAt: new Date(1).toISOString() }, 12_000],
    ["nobody wants it", 5_000, { recipients: [{ ...waiting, notify: ["FAILURE"] }] }, 12_000],
    ["a report itself", 5_000, { from: "" }, 12_000],
  ];
  for (const [what, now, change, at] of cases) {
    const job = data({ recipients: [waiting], expiresAt: new Date(100_000).toISOString(), ...change });
    const outcomes = new Map([[waiting.address, deferral("dns", "4.4.3", "x")]]);
    const { again } = settle(job, outcomes, [], { startedAt: now, now, rules, random: 0.5 });
    assert.equal(again?.at, at, what);
  }
});

const failed = (address: string) => ({
  recipient: { address, ...STATES["failed"] } as RecipientState,
  action: "failed" as const,
  wanted: true,
});

test("a report goes from the null sender to the sender, with SMTPUTF8 where the message had it (RFC 5321 section 6.1)", () => {
  const report = reportFor(data({ smtputf8: true }), [failed("a@lab.test")], undefined, "relay.test", 5);
  assert.deepEqual(report.envelope, { from: "", to: ["sender@lab.test"], smtputf8: true, eightBit: false });
  assert.equal(report.acceptedAt, 5);
  assert.match(report.id, /^[a-z0-9]+$/i);
  const body = Buffer.from("Subject: x\r\n\r\ngrün\r\n");
  assert.equal(reportFor(data({ ret: "FULL" }), [failed("a@lab.test")], body, "relay.test", 5).envelope.eightBit, true);
});

test("envelope id and original recipient come back to the sender (RFC 3461 section 6.3)", () => {
  const due = failed("a@lab.test");
  const report = reportFor(
    data({ envid: "QQ314" }),
    [{ ...due, recipient: { ...due.recipient, orcpt: "rfc822;alias@old.test", cause: "reply" } }],
    undefined,
    "relay.test",
    5,
  );
  const { groups } = readReport(report.data);
  assert.equal(groups[0]?.["Original-Envelope-Id"], "QQ314");
  assert.equal(groups[1]?.["Original-Recipient"], "rfc822; alias@old.test");
});

test("the same outcomes of the same attempt make the same report, others another", () => {
  const idOf = (attempt: number, ...due: ReturnType<typeof failed>[]) =>
    reportFor(data({ attempt }), due, undefined, "relay.test", 5).id;
  const id = idOf(1, failed("a@lab.test"));
  assert.equal(idOf(1, failed("a@lab.test")), id);
  assert.notEqual(idOf(2, failed("a@lab.test")), id);
  assert.notEqual(idOf(1, failed("b@lab.test")), id);
});
