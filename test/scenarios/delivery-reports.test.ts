/** What senders hear, over the whole relay: DSN handed on, and seen to by the relay where the host does not (RFC 3461). */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Lab, startLab } from "../../src/lab/lab.ts";
import type { MxBehaviour } from "../../src/lab/mx-behaviour.ts";
import type { MxHost } from "../../src/lab/mx-host.ts";
import { type ReadReport, readReport } from "../mail/support/read-report.ts";
import { connectAndGreet } from "../submission/support/client.ts";
import { startTestRelay, type TestRelay } from "../support/relay.ts";

const SENDER = "sender.test";
let lab: Lab;
let inbox: MxHost;

before(async () => {
  lab = await startLab({ only: [] });
  inbox = (await lab.add({ name: SENDER, policy: {} })).hosts[0] ?? assert.fail("no host");
});
after(() => lab.close());

const WITH_DSN = ["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN"];

/** A relay and a domain of its own behind it. */
async function start(name: string, behaviour: MxBehaviour, retry: Record<string, string | string[]> = {}) {
  const { hosts } = await lab.add({ name, mx: [{ behaviour }], policy: {} });
  const relay = await startTestRelay(lab, { retry: { schedule: ["1s"], lifetime: "1m", ...retry } });
  return { relay, host: hosts[0] ?? assert.fail("no host") };
}

type Wish = { mail?: string; rcpt: Record<string, string>; text?: string };

async function submit(
  relay: TestRelay,
  { mail = "", rcpt, text = "Subject: hello\r\n\r\ntext\r\n" }: Wish,
): Promise<string> {
  await using client = await connectAndGreet(relay.port);
  assert.match((await client.command(`MAIL FROM:<app@${SENDER}>${mail}`)) ?? "", /^250/);
  for (const [address, wishes] of Object.entries(rcpt)) {
    assert.match((await client.command(`RCPT TO:<${address}>${wishes}`)) ?? "", /^250/);
  }
  await client.command("DATA");
  return /queued as (\S+)/.exec((await client.command(`${text}.`)) ?? "")?.[1] ?? assert.fail("not queued");
}

/** The reports on one message that have reached its sender, once there are so many. */
async function reportsOn(id: string, count = 1): Promise<ReadReport[]> {
  const found = () => inbox.messages.filter(({ data }) => data.includes(`X-Queue-Id: ${id}`));
  await inbox.until(() => found().length >= count, 15_000);
  return found().map(({ data }) => readReport(data));
}

const rowsOf = ({ groups }: ReadReport) =>
  groups.slice(1).map((group) => `${group["Final-Recipient"]} ${group["Action"]} ${group["Status"]}`);

test("a host that offers DSN is told every wish, and the relay says nothing of a success (RFC 3461 section 5.2.1)", async () => {
  const { relay, host } = await start("offers.test", { keywords: WITH_DSN });
  await using _ = relay;
  const id = await submit(relay, {
    mail: " RET=FULL ENVID=no+201",
    rcpt: {
      "a@offers.test": " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bx@old.test",
      "b@offers.test": " NOTIFY=NEVER",
      "c@offers.test": "",
    },
  });
  await relay.logged("delivered", { message: id });
  const lines = host.sessions[0]?.commands.map(({ line }) => line).filter((line) => /^(MAIL|RCPT)/.test(line)) ?? [];
  assert.match(lines[0] ?? "", / RET=FULL ENVID=no\+201$/);
  assert.deepEqual(lines.slice(1), [
    "RCPT TO:<a@offers.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bx@old.test",
    "RCPT TO:<b@offers.test> NOTIFY=NEVER",
    "RCPT TO:<c@offers.test>",
  ]);
  assert.equal(
    relay.log.some(({ event }) => event === "reported" || event === "bounced"),
    false,
  );
});

test("of a success at a host without DSN the relay reports, to those who asked (RFC 3461 section 5.2.2)", async () => {
  const { relay, host } = await start("lacks.test", {});
  await using _ = relay;
  const id = await submit(relay, {
    mail: " RET=FULL ENVID=QQ",
    rcpt: {
      "a@lacks.test": " NOTIFY=SUCCESS ORCPT=rfc822;alias@old.test",
      "b@lacks.test": "",
      "c@lacks.test": " NOTIFY=NEVER",
    },
  });
  const [report] = await reportsOn(id);
  assert.ok(report);
  assert.deepEqual(rowsOf(report), ["rfc822; a@lacks.test relayed 2.0.0"]);
  assert.equal(report.groups[0]?.["Original-Envelope-Id"], "QQ");
  assert.equal(report.groups[1]?.["Original-Recipient"], "rfc822; alias@old.test");
  assert.equal(report.types[3], "text/rfc822-headers");
  const lines = host.sessions.flatMap(({ commands }) => commands).map(({ line }) => line);
  assert.equal(
    lines.some((line) => /NOTIFY|ORCPT|RET=|ENVID/.test(line)),
    false,
  );
  // NOTIFY=NEVER as well: under a null sender the message would be judged as somebody else's.
  const senders = lines.filter((line) => line.startsWith("MAIL")).map((line) => line.split(" ")[1]);
  assert.deepEqual(senders, [`FROM:<app@${SENDER}>`]);
});

test("of a failure those hear who did not decline, with the whole message where they asked for it (RFC 3461 sections 4.1 and 4.3)", async () => {
  const { relay } = await start("refuses.test", { rcpt: () => "550 5.1.1 nobody" });
  await using _ = relay;
  const rcpt = {
    "default@refuses.test": "",
    "failure@refuses.test": " NOTIFY=FAILURE",
    "never@refuses.test": " NOTIFY=NEVER",
    "success@refuses.test": " NOTIFY=SUCCESS",
    "delay@refuses.test": " NOTIFY=DELAY",
  };
  const [report] = await reportsOn(await submit(relay, { mail: " RET=FULL", rcpt }));
  assert.deepEqual(report === undefined ? [] : rowsOf(report).toSorted(), [
    "rfc822; default@refuses.test failed 5.1.1",
    "rfc822; failure@refuses.test failed 5.1.1",
  ]);
  assert.match(report?.original ?? "", /text/);
  assert.equal(report?.groups[1]?.["Diagnostic-Code"], "smtp; 550 5.1.1 nobody");

  const id = await submit(relay, { rcpt: { "never@refuses.test": " NOTIFY=NEVER" } });
  const dropped = await relay.logged("bounce-dropped", { message: id });
  assert.equal(dropped["why"], "its sender does not want any (NOTIFY)");
});

test("a late message is reported once, however often it is tried, in words that say whose matter it is", async () => {
  const { relay, host } = await start("late.test", { rcpt: () => "450 4.2.1 later" }, { warnAfter: "2s" });
  await using _ = relay;
  const rcpt = { "a@late.test": "", "b@late.test": " NOTIFY=FAILURE", "c@late.test": " NOTIFY=DELAY" };
  const id = await submit(relay, { rcpt });
  const attempts = () =>
    host.sessions.flatMap(({ commands }) => commands).filter(({ line }) => line.startsWith("MAIL")).length;
  const [note] = await reportsOn(id);
  assert.ok(note);
  assert.deepEqual(rowsOf(note), ["rfc822; a@late.test delayed 4.2.1", "rfc822; c@late.test delayed 4.2.1"]);
  assert.match(
    note.text.replaceAll(/\s+/g, " "),
    /You need not send it again.*There is nothing for you to do\. The host asked to come again later/,
  );
  assert.ok(note.groups[1]?.["Will-Retry-Until"]);
  const before = attempts();
  await host.until(() => attempts() >= before + 2);
  assert.equal(relay.log.filter(({ event }) => event === "reported").length, 1);
});

test("a late message is reported also where its destination is closed, and none of it is tried", async () => {
  await lab.add({ name: "dead.test", mx: [{ closed: true }], policy: {} });
  await using relay = await startTestRelay(lab, { retry: { schedule: ["1s"], lifetime: "1m", warnAfter: "3s" } });
  const ids: string[] = [];
  // Four failures close a destination.
  for (const n of [1, 2, 3, 4]) ids.push(await submit(relay, { rcpt: { [`u${n}@dead.test`]: "" } }));
  await relay.logged("destination-closed");
  const notes = (await Promise.all(ids.map((id) => reportsOn(id)))).flat();
  assert.deepEqual(
    notes.map(({ groups }) => groups[1]?.["Action"]),
    ids.map(() => "delayed"),
  );
  assert.match(
    notes[0]?.text.replaceAll(/\s+/g, " ") ?? "",
    /No mail host of dead\.test could be reached\. not tried: dead\.test/,
  );
});

test("what a policy holds back is said so: whose certificate, and whose matter (RFC 8461 section 5, RFC 3464)", async () => {
  await lab.add({ name: "expired-late.test", mx: [{ certificate: "expired" }], policy: {} });
  await using relay = await startTestRelay(lab, { retry: { schedule: ["1s"], lifetime: "1m", warnAfter: "1s" } });
  const [note] = await reportsOn(await submit(relay, { rcpt: { "a@expired-late.test": "" } }));
  assert.ok(note);
  assert.deepEqual(rowsOf(note), ["rfc822; a@expired-late.test delayed 4.7.5"]);
  const text = note.text.replaceAll(/\s+/g, " ");
  assert.match(
    text,
    /over encrypted connections .* The certificate of its mail host has expired\. Your message was not sent over an unsafe connection\./,
  );
  assert.match(
    text,
    /mx\.expired-late\.test: its certificate expired on \d{4}-\d\d-\d\d.* \(4\.7\.5\) There is nothing for you to do\. The administrator of expired-late\.test must renew it\./,
  );
});

test("no report on a report: one that cannot be delivered ends there (RFC 5321 section 6.1)", async () => {
  const { relay } = await start("gone.test", { rcpt: () => "550 5.1.1 nobody" }, { warnAfter: "1s" });
  await using _ = relay;
  inbox.behave({ rcpt: () => "550 5.1.1 gone as well" });
  const id = await submit(relay, { rcpt: { "a@gone.test": "" } });
  const { bounce } = await relay.logged("bounced", { message: id });
  const dropped = await relay.logged("bounce-dropped");
  assert.equal(dropped["message"], bounce);
  inbox.behave({ rcpt: () => undefined });
});

test("a host that takes few recipients at a time gets the rest in the next transactions of one session (RFC 5321 section 4.5.3.1.10)", async () => {
  const seen = { taken: 0 };
  const behaviour: MxBehaviour = {
    mail: () => void (seen.taken = 0),
    rcpt: () => ((seen.taken += 1) > 2 ? "452 4.5.3 too many recipients" : undefined),
  };
  const { relay, host } = await start("few.test", behaviour);
  await using _ = relay;
  const to = [1, 2, 3, 4, 5].map((n) => `u${n}@few.test`);
  const id = await submit(relay, { rcpt: Object.fromEntries(to.map((address) => [address, ""])) });
  await relay.logged("delivered", { message: id });
  assert.deepEqual(
    host.messages.map((message) => message.to),
    [to.slice(0, 2), to.slice(2, 4), to.slice(4)],
  );
  assert.equal(host.sessions.length, 1);
});
