import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cause } from "../../src/mail/cause.ts";
import { buildReport, type DeliveryReport, type ReportedRecipient } from "../../src/mail/delivery-report.ts";
import { readReport, readReports } from "./support/read-report.ts";

const REFUSED: ReportedRecipient = {
  address: "user@other.test",
  action: "failed",
  status: "5.1.1",
  detail: "mx.other.test said: 550 5.1.1 nobody",
  cause: "reply",
  said: { host: "mx.other.test", reply: "550 5.1.1 nobody" },
};
const LATE: ReportedRecipient = {
  address: "late@other.test",
  action: "delayed",
  status: "4.7.5",
  detail: "mx.other.test: its certificate expired on 2029-12-31",
  cause: "certificate-expired",
};
const HANDED_ON: ReportedRecipient = {
  address: "on@other.test",
  action: "relayed",
  status: "2.0.0",
  detail: "mx.other.test (TLSv1.3 x, verified) said: 250 taken",
  said: { host: "mx.other.test", reply: "250 taken" },
};

const REPORT: DeliveryReport = {
  hostname: "relay.test",
  to: "sender@lab.test",
  message: "abc123",
  acceptedAt: Date.UTC(2030, 0, 1, 10),
  expiresAt: Date.UTC(2030, 0, 6, 10),
  now: Date.UTC(2030, 0, 1, 14),
  recipients: [REFUSED],
  original: Buffer.from("Received: from x\r\nSubject: hello\r\n\r\nthe body\r\n"),
  messageId: "<abc123b0@relay.test>",
};

const read = (change: Partial<DeliveryReport> = {}) => readReport(buildReport({ ...REPORT, ...change }));

/** As one line. */
const flat = (text: string) => text.replaceAll(/\s+/g, " ");

test("a report is multipart/report: a text, a delivery status, the message's header section (RFC 6522, RFC 3464)", () => {
  const { headers, types, original, defects } = read();
  assert.deepEqual(types, ["multipart/report", "text/plain", "message/delivery-status", "text/rfc822-headers"]);
  assert.match(headers["content-type"] ?? "", /report-type="?delivery-status/);
  assert.equal(flat(original ?? ""), "Received: from x Subject: hello ");
  assert.deepEqual(defects, []);
});

test("its header names who reports and to whom, and no autoresponder answers it (RFC 3834 section 5)", () => {
  const { headers } = read();
  assert.equal(headers["from"], "Mail Delivery <MAILER-DAEMON@relay.test>");
  assert.match(headers["to"] ?? "", /sender@lab\.test/);
  assert.equal(headers["auto-submitted"], "auto-replied");
  assert.equal(headers["message-id"], "<abc123b0@relay.test>");
  assert.equal(headers["date"], "Tue, 01 Jan 2030 14:00:00 +0000");
});

test("the subject tells the weightiest of what happened", () => {
  const subjects = readReports(
    [[REFUSED], [LATE], [HANDED_ON], [HANDED_ON, LATE], [LATE, REFUSED]].map((recipients) =>
      buildReport({ ...REPORT, recipients }),
    ),
  ).map(({ headers }) => headers["subject"]);
  assert.deepEqual(subjects, [
    "Your message could not be delivered",
    "Your message is delayed",
    "Your message was handed on",
    "Your message is delayed",
    "Your message could not be delivered",
  ]);
});

test("the status has fields of the message, then a group for each recipient (RFC 3464 sections 2.2 and 2.3, RFC 3461 section 6.3)", () => {
  const { groups } = read({
    envid: "order 66+x",
    recipients: [{ ...REFUSED, orcpt: "rfc822;Alias+a@old.test" }, LATE, HANDED_ON],
  });
  assert.deepEqual(groups, [
    {
      "Original-Envelope-Id": "order 66+x",
      "Reporting-MTA": "dns; relay.test",
      "X-Queue-Id": "abc123",
      "Arrival-Date": "Tue, 01 Jan 2030 10:00:00 +0000",
    },
    {
      "Original-Recipient": "rfc822; Alias+a@old.test",
      "Final-Recipient": "rfc822; user@other.test",
      Action: "failed",
      Status: "5.1.1",
      "Remote-MTA": "dns; mx.other.test",
      "Diagnostic-Code": "smtp; 550 5.1.1 nobody",
      "Last-Attempt-Date": "Tue, 01 Jan 2030 14:00:00 +0000",
    },
    {
      "Final-Recipient": "rfc822; late@other.test",
      Action: "delayed",
      Status: "4.7.5",
      "Diagnostic-Code": "x-sts-relay; mx.other.test: its certificate expired on 2029-12-31",
      "Last-Attempt-Date": "Tue, 01 Jan 2030 14:00:00 +0000",
      "Will-Retry-Until": "Sun, 06 Jan 2030 10:00:00 +0000",
    },
    {
      "Final-Recipient": "rfc822; on@other.test",
      Action: "relayed",
      Status: "2.0.0",
      "Remote-MTA": "dns; mx.other.test",
      "Diagnostic-Code": "smtp; 250 taken",
      "Last-Attempt-Date": "Tue, 01 Jan 2030 14:00:00 +0000",
    },
  ]);
});

test("a recipient that is not ASCII has the type utf-8 and an escaped form; the text shows it as it is (RFC 6533 section 3)", () => {
  const cases: [address: string, expected: string][] = [
    ["grün@other.test", "utf-8; gr\\x{FC}n@other.test"],
    ["\u{1F4E8}@other.test", "utf-8; \\x{1F4E8}@other.test"],
    ["ü+a=b@other.test", "utf-8; \\x{FC}\\x{2B}a\\x{3D}b@other.test"],
    ['"ü \\\\"@other.test', 'utf-8; "\\x{FC}\\x{20}\\x{5C}\\x{5C}"@other.test'],
    ["a+b=c@other.test", "rfc822; a+b=c@other.test"],
  ];
  const reports = readReports(
    cases.map(([address]) => buildReport({ ...REPORT, recipients: [{ ...REFUSED, address }] })),
  );
  for (const [i, [address, expected]] of cases.entries()) {
    assert.equal(reports[i]?.groups[1]?.["Final-Recipient"], expected);
    assert.ok(reports[i]?.text.includes(`<${address}>`), address);
  }
});

test("RET=FULL returns the whole message, for a failure, as long as it is of a fair size (RFC 3461 section 4.3)", () => {
  const whole = { ret: "FULL" as const };
  const original = (text: string | Buffer) => ({ original: Buffer.from(text) });
  const big = Buffer.alloc(1024 * 1024 + 1, "Subject: x\r\n\r\n");
  const cases: [what: string, change: Partial<DeliveryReport>, type: string, encoding: string][] = [
    ["nothing asked for", {}, "text/rfc822-headers", "7bit"],
    ["RET=HDRS", { ret: "HDRS" }, "text/rfc822-headers", "7bit"],
    ["RET=FULL", whole, "message/rfc822", "7bit"],
    ["RET=FULL of 8-bit text", { ...whole, ...original("Subject: x\r\n\r\ngrün\r\n") }, "message/rfc822", "8bit"],
    ["RET=FULL of a UTF-8 header", { ...whole, ...original("Subject: ü\r\n\r\nx\r\n") }, "message/global", "8bit"],
    ["RET=FULL of a large one", { ...whole, ...original(big) }, "text/rfc822-headers", "7bit"],
    [
      "RET=FULL with a long line",
      { ...whole, ...original(`Subject: x\r\n\r\n${"x".repeat(999)}\r\n`) },
      "text/rfc822-headers",
      "7bit",
    ],
    ["RET=FULL of a delay", { ...whole, recipients: [LATE] }, "text/rfc822-headers", "7bit"],
    ["RET=FULL, handed on", { ...whole, recipients: [HANDED_ON] }, "text/rfc822-headers", "7bit"],
    ["a UTF-8 header", original("Subject: ü\r\n\r\nx\r\n"), "message/global-headers", "8bit"],
    [
      "a header of unknown bytes",
      original(Buffer.from("Subject: \xfc\r\n\r\nx", "latin1")),
      "text/rfc822-headers",
      "quoted-printable",
    ],
  ];
  const reports = readReports(cases.map(([, change]) => buildReport({ ...REPORT, ...change })));
  for (const [i, [what, , type, encoding]] of cases.entries()) {
    assert.deepEqual([reports[i]?.types[3], reports[i]?.encodings[2]], [type, encoding], what);
    assert.deepEqual(reports[i]?.defects, [], what);
  }
  assert.match(reports[2]?.original ?? "", /the body/);
  assert.match(reports[3]?.original ?? "", /grün/);
  assert.match(reports[9]?.original ?? "", /Subject: ü/);
});

test("a message that is lost is reported without its header section", () => {
  const { original: _lost, ...rest } = REPORT;
  assert.deepEqual(readReport(buildReport(rest)).types, ["multipart/report", "text/plain", "message/delivery-status"]);
});

test("the text tells a person what happened, whose matter it is, and what comes next", () => {
  const { text } = read({ recipients: [REFUSED, LATE, HANDED_ON] });
  for (const sentence of [
    /could not be delivered to this recipient\. It will not be tried again\. <user@other\.test> The mail host of other\.test did not take your message, and said why: mx\.other\.test said: 550 5\.1\.1 nobody/,
    /has not been delivered to this recipient yet: it is held since then\. You need not send it again\. It will be tried until Sun, 06 Jan 2030 10:00:00 \+0000/,
    /other\.test asks that mail be sent to it over encrypted connections .* The certificate of its mail host has expired\./,
    /its certificate expired on 2029-12-31 \(4\.7\.5\) There is nothing for you to do\. The administrator of other\.test must renew it\./,
    /was handed to the mail host of this recipient\. That host sends no confirmations/,
    /give this id: abc123\./,
  ])
    assert.match(flat(text), sentence);
});

test("each kind of reason has its own words, for those that wait and for those given up", () => {
  const causes: Record<Cause, RegExp> = {
    "certificate-expired": /must renew it/,
    "certificate-host-mismatch": /made out to another name/,
    "certificate-not-trusted": /authority that is trusted/,
    "starttls-not-supported": /offers no encryption/,
    "validation-failure": /published policy agree/,
    "policy-unknown": /could not be found out/,
    "relay-rule": /A rule of this mail relay/,
    dns: /DNS did not say/,
    "no-such-domain": /no place for mail/,
    "takes-no-mail": /takes no mail/,
    unreachable: /could be reached/,
    session: /did not go on/,
    reply: /said why/,
    "does-not-fit": /of this kind/,
    operator: /taken your message out/,
    relay: /fault is with this mail relay/,
  };
  const cases = (Object.keys(causes) as Cause[]).flatMap((cause) => [
    { cause, recipients: [{ ...REFUSED, cause }] },
    { cause, recipients: [{ ...LATE, cause }] },
  ]);
  const reports = readReports(cases.map(({ recipients }) => buildReport({ ...REPORT, recipients })));
  for (const [i, { cause }] of cases.entries()) {
    assert.match(flat(reports[i]?.text ?? ""), causes[cause]);
    assert.doesNotMatch(reports[i]?.text ?? "", /undefined/);
  }
  // Another cause than any: what is known is told.
  const { cause: _, ...unknown } = LATE;
  assert.match(flat(read({ recipients: [unknown] }).text), /its certificate expired on 2029-12-31 \(4\.7\.5\)/);
});

test("recipients with the same reason stand together", () => {
  const { text } = read({ recipients: [REFUSED, { ...REFUSED, address: "b@other.test" }] });
  assert.match(text, /<user@other\.test>\r\n<b@other\.test>\r\n {4}The mail host/);
});

test("what a host said, in any script and length, breaks no line of the status and adds no field", () => {
  const forged = `550 größer\r\nStatus: 2.0.0\r\n\r\nFinal-Recipient: rfc822; forged@other.test ${"x".repeat(5000)}`;
  const { groups } = read({ recipients: [{ ...REFUSED, said: { host: "mx", reply: forged } }] });
  assert.equal(groups.length, 2);
  assert.equal(groups[1]?.["Status"], "5.1.1");
  assert.match(
    groups[1]?.["Diagnostic-Code"] ?? "",
    /^smtp; 550 gr\?\?er\?Status: 2\.0\.0|^smtp; 550 gr\?er\?Status: 2\.0\.0/,
  );
});

test("lines end in CRLF and are at most 998 bytes, whatever goes in (RFC 5322 section 2.1.1)", () => {
  const long = "ä".repeat(3000);
  const cases: Partial<DeliveryReport>[] = [
    {},
    { original: Buffer.from(`Subject: ${"y".repeat(5000)}\r\nX: ${long}\r\n\r\nbody`) },
    { original: Buffer.from("no header section, no line end") },
    { original: Buffer.alloc(200_000, "X: y\r\n") },
    { ret: "FULL", original: Buffer.from(`Subject: ${long}\r\n\r\n${long}`) },
    {
      recipients: [
        { ...REFUSED, address: `${"ü".repeat(32)}@other.test`, detail: long, said: { host: "mx", reply: long } },
      ],
    },
    {
      recipients: Array.from({ length: 100 }, (_, i) => ({
        ...LATE,
        address: `a${i}@other.test`,
        detail: "x".repeat(990),
      })),
    },
    { to: `"${"a,b ".repeat(15)}"@lab.test` },
    { to: "grün@lab.test" },
  ];
  const built = cases.map((change) => buildReport({ ...REPORT, ...change }));
  for (const report of built) {
    const raw = report.toString("latin1");
    assert.doesNotMatch(raw, /\r(?!\n)|(?<!\r)\n/);
    assert.ok(Math.max(...raw.split("\r\n").map((line) => line.length)) <= 998);
    assert.ok(raw.length < 1_000_000);
  }
  for (const { types } of readReports(built)) assert.equal(types.length, 4);
});

test("the header names one address, also where it holds a comma", () => {
  assert.match(buildReport({ ...REPORT, to: '"a, b"@lab.test' }).toString(), /^To: <"a, b"@lab\.test>\r$/m);
});
