import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mailDate } from "../../src/mail/date.ts";
import { protocolWord, receivedField, type Trace } from "../../src/mail/received.ts";

const esmtp = { extended: true, tls: false, authenticated: false, smtputf8: false };

const trace: Trace = {
  clientName: "app.example",
  clientAddress: "192.0.2.1",
  protocol: { ...esmtp, tls: true, authenticated: true },
  tls: { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" },
  hostname: "relay.example",
  id: "01abcdefghjkmnpqrs",
  to: ["someone@there.example"],
  receivedAt: Date.UTC(2030, 0, 1),
};

test("the trace field names client, relay, protocol, id, recipient and time (RFC 5321 section 4.4)", () => {
  assert.equal(
    receivedField(trace),
    [
      "Received: from app.example ([192.0.2.1]) by relay.example with ESMTPSA",
      "\t(TLSv1.3 TLS_AES_256_GCM_SHA384) id 01abcdefghjkmnpqrs",
      "\tfor <someone@there.example>; Tue, 01 Jan 2030 00:00:00 +0000",
      "",
    ].join("\r\n"),
  );
});

test("no recipient is named when there are several (RFC 5321 section 7.2)", () => {
  const field = receivedField({ ...trace, to: ["a@there.example", "b@there.example"] });
  assert.doesNotMatch(field, /for |there/);
  assert.match(field, /id 01abcdefghjkmnpqrs;/);
});

test("the word after `with` is the registered one (RFC 3848, RFC 6531 section 4.3)", () => {
  const cases: [protocol: Partial<Trace["protocol"]>, word: string][] = [
    [{}, "ESMTP"],
    [{ tls: true }, "ESMTPS"],
    [{ authenticated: true }, "ESMTPA"],
    [{ tls: true, authenticated: true }, "ESMTPSA"],
    [{ smtputf8: true }, "UTF8SMTP"],
    [{ smtputf8: true, tls: true }, "UTF8SMTPS"],
    [{ smtputf8: true, authenticated: true }, "UTF8SMTPA"],
    [{ smtputf8: true, tls: true, authenticated: true }, "UTF8SMTPSA"],
    [{ extended: false }, "SMTP"],
    [{ extended: false, tls: true }, "SMTP"],
  ];
  for (const [protocol, word] of cases) assert.equal(protocolWord({ ...esmtp, ...protocol }), word);
});

test("an IPv6 client is an IPv6 literal without its interface (RFC 5321 section 4.1.3)", () => {
  assert.match(receivedField({ ...trace, clientAddress: "2001:db8::1" }), /\(\[IPv6:2001:db8::1\]\)/);
  assert.match(receivedField({ ...trace, clientAddress: "fe80::1%eth0" }), /\(\[IPv6:fe80::1\]\)/);
});

test("the client's name cannot forge a field or a comment", () => {
  const cases: [name: string, shown: string][] = [
    ["a\r\nX-Forged: yes", "a??X-Forged:?yes"],
    ["a) (evil", "a????evil".replace("????", "???")],
    ["bücher.example", "b?cher.example"],
    ["[192.0.2.7]", "[192.0.2.7]"],
    ["my_host", "my_host"],
    ["", "unknown"],
  ];
  for (const [name, shown] of cases) {
    assert.ok(
      receivedField({ ...trace, clientName: name }).startsWith(`Received: from ${shown} (`),
      JSON.stringify(name),
    );
  }
});

test("whatever the client calls itself, the field is one field, and folded (RFC 5322 section 2.1.1)", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 400 }), (clientName) => {
      const field = receivedField({ ...trace, clientName });
      assert.match(field, /^Received: [!-~ ]+\r\n(?:\t[!-~ ]+\r\n)+$/);
      // The first line holds the name, which cannot be folded.
      for (const line of field.split("\r\n").slice(1)) assert.ok(line.length <= 78, line);
    }),
  );
});

test("dates are written in UTC, with two digits for the day (RFC 5322 section 3.3)", () => {
  assert.equal(mailDate(Date.UTC(2026, 1, 3, 4, 5, 6)), "Tue, 03 Feb 2026 04:05:06 +0000");
});
