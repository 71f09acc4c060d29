import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { buildReport } from "../../src/mail/delivery-report.ts";
import { hasShortLines } from "../../src/mail/line-length.ts";
import { convertMessage, type Lacks } from "../../src/mail/seven-bit.ts";
import { readReports } from "./support/read-report.ts";

const ALL: Lacks = { utf8Header: true, eightBitBody: true };
const NOTHING: Lacks = { utf8Header: false, eightBitBody: false };

const lines = (...all: string[]) => `${all.join("\r\n")}\r\n`;

function convert(message: string | Buffer, lacks = ALL): Buffer {
  const conversion = convertMessage(Buffer.from(message), lacks);
  return conversion.kind === "converted" ? conversion.data : assert.fail(`impossible: ${conversion.what}`);
}

/** Subject, From and the parts of a message as Python's `email` package reads them: not ours. */
const SCRIPT = `
import base64, email, email.policy, json, sys
out = []
for line in sys.stdin:
    message = email.message_from_bytes(base64.b64decode(line), policy=email.policy.SMTPUTF8)
    parts = [p for p in message.walk() if not p.is_multipart()]
    out.append({
        "headers": {name.lower(): str(value) for name, value in message.items()},
        "parts": [[p.get_content_type(), p.get("content-transfer-encoding"), p.get_filename(), p.get_payload(decode=True).decode("utf-8", "replace")] for p in parts],
        "defects": [str(d) for part in message.walk() for d in part.defects],
    })
json.dump(out, sys.stdout)
`;
type Read = {
  headers: Record<string, string>;
  parts: [string, string | null, string | null, string][];
  defects: string[];
};

function readAll(messages: Buffer[]): Read[] {
  const input = messages.map((message) => `${message.toString("base64")}\n`).join("");
  const { status, stdout, stderr } = spawnSync("python3", ["-c", SCRIPT], {
    input,
    encoding: "utf8",
    timeout: 20_000,
    maxBuffer: 1e8,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Read[];
}

const LONG = "x".repeat(2000);
const MIXED = lines(
  "Subject: Grüße an alle, ganz herzlich",
  'From: "Jörg, der Große" <joerg@sender.test>, b@sender.test',
  "MIME-Version: 1.0",
  'Content-Type: multipart/mixed; boundary="b1"',
  "Content-Transfer-Encoding: 8bit",
  "",
  "a preamble with ü",
  "--b1",
  'Content-Type: multipart/alternative; boundary="b1x"',
  "",
  "--b1x",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: 8bit",
  "",
  "Schöne Grüße = 1",
  "--b1x",
  "Content-Type: text/html; charset=utf-8",
  "",
  "<p>plain ascii stays</p>",
  "--b1x--",
  "--b1",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: base64",
  "",
  "U2Now7Zu",
  "--b1",
  'Content-Type: image/png; name="grün.png"',
  "Content-Transfer-Encoding: binary",
  "",
  "\u00ff\u00fe",
  "--b1",
  "Content-Type: message/rfc822",
  "Content-Transfer-Encoding: 8bit",
  "",
  "Subject: inner ü",
  "Content-Type: text/plain; charset=utf-8",
  "",
  "inner größer",
  "--b1--",
);

test("8-bit parts are encoded one by one, the structure stays, and what is ASCII already stays as it is (RFC 6152 section 3, RFC 2045 section 6.4)", () => {
  const converted = convert(MIXED);
  assert.ok(converted.every((byte) => byte < 0x80));
  const [before, after] = readAll([Buffer.from(MIXED), converted]);
  assert.ok(before && after);
  const bodies = ({ parts }: Read) => parts.map(([type, , , text]) => [type, text.trimEnd()]);
  assert.deepEqual(bodies(after), bodies(before));
  assert.deepEqual(after.defects, []);
  assert.deepEqual(
    after.parts.map(([, encoding]) => encoding),
    ["quoted-printable", null, "base64", "base64", "quoted-printable"],
  );
  assert.match(after.headers["subject"] ?? "", /^Grüße an alle, ganz herzlich$/);
  assert.equal(after.parts[3]?.[2], "grün.png");
  const text = converted.toString();
  assert.match(text, /^Content-Transfer-Encoding: 7bit\r\n\r\na preamble with \?\?\r\n--b1\r\n/m);
  assert.match(text, /<p>plain ascii stays<\/p>\r\n--b1x--\r\n--b1\r\n/);
});

test("a message for a host that takes it all stays byte by byte, but for lines that are too long", () => {
  assert.equal(convert(MIXED, NOTHING).toString(), MIXED);
  assert.equal(convert("no header section", NOTHING).toString(), "no header section\r\n");
});

test("lines of more than 998 bytes are encoded where they are (RFC 5321 section 4.5.3.1.6)", () => {
  const cases: [what: string, message: string, encoding: string | null][] = [
    ["plain text", lines("Subject: x", "", LONG, "short"), "quoted-printable"],
    ["HTML", lines("MIME-Version: 1.0", "Content-Type: text/html", "", LONG), "quoted-printable"],
    ["an image", lines("MIME-Version: 1.0", "Content-Type: image/svg+xml", "", LONG), "base64"],
    [
      "base64 in one line",
      lines("MIME-Version: 1.0", "Content-Transfer-Encoding: base64", "", "QUJD".repeat(500)),
      "base64",
    ],
    [
      "quoted-printable in one line",
      lines("MIME-Version: 1.0", "Content-Transfer-Encoding: quoted-printable", "", `=C3=BC${LONG}`),
      "quoted-printable",
    ],
  ];
  const converted = cases.map(([, message]) => convert(message, NOTHING));
  const before = readAll(cases.map(([, message]) => Buffer.from(message)));
  for (const [i, read] of readAll(converted).entries()) {
    const [what, , encoding] = cases[i] ?? assert.fail();
    assert.ok(hasShortLines(converted[i] ?? Buffer.alloc(0)), what);
    assert.equal(read.parts[0]?.[1], encoding, what);
    assert.equal(read.parts[0]?.[3].trimEnd(), before[i]?.parts[0]?.[3].trimEnd(), what);
    assert.equal(read.headers["mime-version"], "1.0", what);
  }
});

test("a long field is broken at white space, or where it must be", () => {
  const words = `X-Words: ${"word ".repeat(400)}end`;
  const message = lines(words, `X-Blob: ${LONG}`, "Subject: x", "", "text");
  const converted = convert(message, NOTHING);
  assert.ok(hasShortLines(converted));
  const [read] = readAll([converted]);
  assert.equal(read?.headers["x-words"]?.replaceAll(/\s+/g, " "), words.slice("X-Words: ".length));
  assert.equal(read?.headers["x-blob"]?.replaceAll(/\s/g, ""), LONG);
  assert.equal(read?.parts[0]?.[3].trim(), "text");
});

test("a header that is not ASCII becomes one that reads the same (RFC 2047, RFC 2231, RFC 5890)", () => {
  const cases: [field: string, name: string, read: RegExp][] = [
    ["Subject: Grüße", "subject", /^Grüße$/],
    [
      `Subject: ascii first, then ${"größer ".repeat(40)}and last`,
      "subject",
      /^ascii first, then (größer ){40}and last$/,
    ],
    ["Subject: 日本語のとても長い件名、".concat("あ".repeat(60)), "subject", /^日本語のとても長い件名、あ{60}$/],
    ["From: Jörg <j@sender.test>", "from", /^Jörg <j@sender\.test>$/],
    ['To: "Groß, A" <a@x.test>, B <b@x.test>', "to", /^"?Groß, A"? <a@x\.test>, B <b@x\.test>$/],
    ["Cc: Freunde und Größen: a@x.test, Ö <b@x.test>;", "cc", /a@x\.test.*b@x\.test/],
    ["Cc: a@bücher.test", "cc", /^a@xn--bcher-kva\.test$/],
    ["Received: from ü by x", "received", /^from \? by x$/],
    ["X-Anything: ünknown", "x-anything", /^ünknown$/],
  ];
  const converted = cases.map(([field]) => convert(lines(field, "", "text")));
  for (const [i, read] of readAll(converted).entries()) {
    const [field, name, expected] = cases[i] ?? assert.fail();
    assert.ok(
      converted[i]?.every((byte) => byte < 0x80),
      field,
    );
    assert.match(read.headers[name] ?? "", expected, field);
  }
});

test("bytes of no known meaning are kept as such (RFC 1428 section 3)", () => {
  const converted = convert(Buffer.from("Subject: Gr\xfc\xdfe\r\n\r\nGr\xfc\xdfe\r\n", "latin1")).toString();
  assert.match(converted, /^Subject: =\?unknown-8bit\?Q\?Gr=FC=DFe\?=\r\n/);
  assert.match(converted, /charset=unknown-8bit/);
  assert.match(converted, /\r\n\r\nGr=FC=DFe\r\n$/);
});

test("what cannot be said in ASCII is not sent (RFC 6531 section 3.2)", () => {
  const cases: [string, "header" | "body"][] = [
    ["From: jörg@sender.test\r\n\r\nx\r\n", "header"],
    ["To: a@x.test, B <ö@x.test>\r\n\r\nx\r\n", "header"],
    ["Message-ID: <ü@x.test>\r\n\r\nx\r\n", "header"],
    ["Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nü\r\n", "body"],
    ["Content-Type: multipart/mixed; boundary=nowhere\r\n\r\nü\r\n", "body"],
    ["Content-Type: multipart/mixed\r\n\r\nü\r\n", "body"],
    [lines(...Array.from({ length: 200 }, () => ["Content-Type: message/rfc822", ""]).flat(), "ü"), "body"],
  ];
  for (const [message, what] of cases)
    assert.deepEqual(convertMessage(Buffer.from(message), ALL), { kind: "impossible", what }, message.slice(0, 60));
});

test("large text and text that is mostly not Latin go in base64", () => {
  const head = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
  for (const body of ["я".repeat(100), "ü".padEnd(1_100_000, "abc\r\n")]) {
    const converted = convert(head + body);
    assert.match(converted.toString("latin1", 0, 200), /Content-Transfer-Encoding: base64/);
    assert.equal(readAll([converted])[0]?.parts[0]?.[3], body);
  }
});

test("whatever comes in, what goes out is 7-bit in short lines, or nothing goes out", () => {
  const pieces = fc.constantFrom(
    "--b",
    "--b--",
    "\r\n",
    "Content-Type: ",
    "multipart/mixed; boundary=b",
    "message/rfc822",
    "text/plain",
    "ü",
    LONG,
    "Content-Transfer-Encoding: ",
    "8bit",
    "base64",
    "quoted-printable",
    ":",
    " ",
    "=",
    "From: ",
    "a@b.test",
    "<",
    ">",
    '"',
    ";",
    "\u0000",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (all) => {
      const conversion = convertMessage(Buffer.from(all.join("")), ALL);
      if (conversion.kind === "impossible") return;
      assert.ok(conversion.data.every((byte) => byte < 0x80));
      assert.ok(hasShortLines(conversion.data));
    }),
    { numRuns: 500 },
  );
});

test("a report that returns an 8-bit message is converted inside, and reads as before (RFC 2046 section 5.2.1, RFC 6533)", () => {
  const report = {
    hostname: "relay.test",
    to: "sender@lab.test",
    message: "m1",
    acceptedAt: 0,
    expiresAt: 1,
    now: 1,
    recipients: [{ address: "a@lab.test", action: "failed" as const, status: "5.1.1", detail: "größer" }],
    messageId: "<m1@relay.test>",
  };
  const original = Buffer.from(lines("Subject: hello", "Content-Type: text/plain; charset=utf-8", "", "größer"));
  const before = buildReport({ ...report, ret: "FULL", original });
  const converted = convert(before);
  assert.ok(converted.every((byte) => byte < 0x80));
  const [first, second] = readReports([before, converted]);
  assert.deepEqual(second?.types, first?.types);
  assert.deepEqual([second?.text, second?.groups, second?.defects], [first?.text, first?.groups, []]);
  assert.match(second?.original ?? "", /Content-Transfer-Encoding: quoted-printable\r?\n[^]*gr=C3=B6=C3=9Fer/);
  const inUtf8 = buildReport({ ...report, original: Buffer.from(lines("Subject: größer", "", "x")) });
  const text = convert(inUtf8).toString();
  assert.match(text, /message\/global-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSubject: gr=C3/);
});
