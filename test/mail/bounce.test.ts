import assert from "node:assert/strict";
import { test } from "node:test";
import { type BounceReport, buildBounce } from "../../src/mail/bounce.ts";

const REPORT: BounceReport = {
  hostname: "relay.test",
  to: "sender@lab.test",
  message: "abc123",
  acceptedAt: Date.UTC(2030, 0, 1, 10),
  now: Date.UTC(2030, 0, 6, 10),
  recipients: [{ address: "user@other.test", status: "5.1.1", detail: "mx.other.test said: 550 5.1.1 nobody" }],
  original: Buffer.from("Received: from x\r\nSubject: hello\r\n\r\nthe body\r\n"),
  messageId: "<abc123b0@relay.test>",
};

type Part = { headers: Map<string, string>; body: string };

/** Reads a report as a mail program does. RFC 2046 section 5.1. */
async function read(
  change: Partial<BounceReport> = {},
): Promise<{ raw: string; headers: Part["headers"]; parts: Part[] }> {
  const raw = (await buildBounce({ ...REPORT, ...change })).toString("latin1");
  const { headers, body } = split(raw);
  const boundary = /boundary="([^"]+)"/.exec(headers.get("content-type") ?? "")?.[1] ?? "";
  const sections = body.split(`--${boundary}`).slice(1, -1);
  return { raw, headers, parts: sections.map((section) => split(section.replace(/^\r\n/, "").replace(/\r\n$/, ""))) };
}

function split(text: string): Part {
  const end = text.indexOf("\r\n\r\n");
  const lines = text
    .slice(0, end)
    .replaceAll(/\r\n[ \t]+/g, " ")
    .split("\r\n");
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]),
  );
  return { headers, body: decoded(text.slice(end + 4), headers.get("content-transfer-encoding")) };
}

function decoded(body: string, encoding: string | undefined): string {
  if (encoding === "base64") return Buffer.from(body, "base64").toString();
  if (encoding !== "quoted-printable") return body;
  const bytes = body
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString();
}

/** The fields of each group of the delivery status. RFC 3464 section 2.1. */
const groupsOf = (part: Part | undefined) =>
  (part?.body ?? "")
    .trim()
    .split("\r\n\r\n")
    .map((group) => Object.fromEntries(group.split("\r\n").map((line) => line.split(/: (.*)/s).slice(0, 2))));

test("the report is multipart/report with a text, a delivery status and the message's header section (RFC 3462, RFC 3464)", async () => {
  const { headers, parts } = await read();
  assert.match(headers.get("content-type") ?? "", /^multipart\/report; report-type=delivery-status;/);
  assert.deepEqual(
    parts.map((part) => part.headers.get("content-type")?.split(";")[0]),
    ["text/plain", "message/delivery-status", "text/rfc822-headers"],
  );
  assert.equal(parts[2]?.body.trim(), "Received: from x\r\nSubject: hello");
});

test("its header names who reports and to whom, and answers no autoresponder (RFC 3834 section 5)", async () => {
  const { headers } = await read();
  assert.deepEqual(Object.fromEntries([...headers].slice(0, 6)), {
    from: "Mail Delivery <MAILER-DAEMON@relay.test>",
    to: "sender@lab.test",
    subject: "Your message could not be delivered",
    date: "Sun, 06 Jan 2030 10:00:00 +0000",
    "message-id": "<abc123b0@relay.test>",
    "auto-submitted": "auto-replied",
  });
});

test("the delivery status has a group for the message and one for each recipient (RFC 3464 sections 2.2 and 2.3)", async () => {
  const recipients = [...REPORT.recipients, { address: "b@other.test", status: "5.7.5", detail: "expired" }];
  const { parts } = await read({ recipients });
  assert.deepEqual(groupsOf(parts[1]), [
    {
      "Reporting-MTA": "dns; relay.test",
      "X-Queue-Id": "abc123",
      "Arrival-Date": "Tue, 01 Jan 2030 10:00:00 +0000",
    },
    {
      "Final-Recipient": "rfc822; user@other.test",
      Action: "failed",
      Status: "5.1.1",
      "Diagnostic-Code": "x-sts-relay; mx.other.test said: 550 5.1.1 nobody",
    },
    {
      "Final-Recipient": "rfc822; b@other.test",
      Action: "failed",
      Status: "5.7.5",
      "Diagnostic-Code": "x-sts-relay; expired",
    },
  ]);
});

test("the text tells a person which recipient, why, and what to ask the administrator for", async () => {
  const text = (await read()).parts[0]?.body ?? "";
  assert.match(text, /<user@other\.test>\r\n {4}mx\.other\.test said: 550 5\.1\.1 nobody \(5\.1\.1\)/);
  assert.match(text, /of Tue, 01 Jan 2030 10:00:00 \+0000 could not be delivered to this recipient\./);
  assert.match(text, /give this id: abc123\./);
});

test("a message that is lost is reported without its header section", async () => {
  const { original: _lost, ...rest } = REPORT;
  const raw = (await buildBounce(rest)).toString();
  assert.doesNotMatch(raw, /text\/rfc822-headers/);
});

test("a recipient that is not ASCII has the type utf-8 and an escaped form; the text shows it as it is (RFC 6533 section 3)", async () => {
  const cases = {
    "grün@other.test": "utf-8; gr\\x{FC}n@other.test",
    "\u{1F4E8}@other.test": "utf-8; \\x{1F4E8}@other.test",
    "ü+a=b@other.test": "utf-8; \\x{FC}\\x{2B}a\\x{3D}b@other.test",
    '"ü \\\\"@other.test': 'utf-8; "\\x{FC}\\x{20}\\x{5C}\\x{5C}"@other.test',
    "a+b=c@other.test": "rfc822; a+b=c@other.test",
  };
  for (const [address, expected] of Object.entries(cases)) {
    const { parts } = await read({ recipients: [{ address, status: "5.1.1", detail: "" }] });
    assert.equal(groupsOf(parts[1])[1]?.["Final-Recipient"], expected);
    assert.ok(parts[0]?.body.includes(`<${address}>`), address);
  }
});

test("what a host said, in any script and length, breaks no line of the status and adds no field", async () => {
  const detail = `mx said: 550 größer\r\nStatus: 2.0.0\r\n\r\nFinal-Recipient: rfc822; forged@other.test ${"x".repeat(5000)}`;
  const { parts } = await read({ recipients: [{ address: "a@other.test", status: "5.1.1", detail }] });
  const groups = groupsOf(parts[1]);
  assert.equal(groups.length, 2);
  assert.equal(groups[1]?.Status, "5.1.1");
  assert.match(groups[1]?.["Diagnostic-Code"] ?? "", /^x-sts-relay; mx said: 550 gr\?er\?Status: 2\.0\.0/);
});

test("lines end in CRLF and are at most 998 bytes, whatever goes in (RFC 5322 section 2.1.1)", async () => {
  const long = "ä".repeat(3000);
  const cases: Partial<BounceReport>[] = [
    {},
    { original: Buffer.from(`Subject: ${"y".repeat(5000)}\r\nX: ${long}\r\n\r\nbody`) },
    { original: Buffer.from("no header section, no line end") },
    { original: Buffer.alloc(200_000, "X: y\r\n") },
    { recipients: [{ address: `${"ü".repeat(32)}@other.test`, status: "5.1.1", detail: long }] },
    {
      recipients: Array.from({ length: 100 }, (_, i) => ({
        address: `a${i}@other.test`,
        status: "5.1.1",
        detail: "x".repeat(990),
      })),
    },
    { to: `"${"a,b ".repeat(15)}"@lab.test` },
    { to: "grün@lab.test" },
  ];
  for (const change of cases) {
    const { raw, parts } = await read(change);
    assert.doesNotMatch(raw, /\r(?!\n)|(?<!\r)\n/);
    assert.ok(Math.max(...raw.split("\r\n").map((line) => line.length)) <= 998);
    assert.equal(parts.length, 3);
    assert.ok(raw.length < 1_000_000);
  }
});

test("the header names one address, also where it holds a comma", async () => {
  const { headers } = await read({ to: '"a, b"@lab.test' });
  assert.equal(headers.get("to"), '<"a, b"@lab.test>');
});
