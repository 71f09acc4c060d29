import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toDomain, toQueryName } from "../../src/dns/name.ts";

const label63 = "a".repeat(63);
const name253 = [label63, label63, label63, "b".repeat(61)].join(".");

test("a domain becomes lower case, A-labels, without its trailing dot (RFC 5890)", () => {
  const cases: Record<string, string> = {
    "example.test": "example.test",
    "MAIL.Example.TEST": "mail.example.test",
    "example.test.": "example.test",
    test: "test",
    "a-b.1c.test": "a-b.1c.test",
    "1.2.3.example": "1.2.3.example",
    "xn--bcher-kva.test": "xn--bcher-kva.test",
    "XN--BCHER-KVA.test": "xn--bcher-kva.test",
    "bücher.test": "xn--bcher-kva.test",
    "BÜCHER.test.": "xn--bcher-kva.test",
    "mx.bücher.test": "mx.xn--bcher-kva.test",
    "col·legi.test": "xn--collegi-xma.test",
    "例え.テスト": "xn--r8jz45g.xn--zckzah",
    [`${label63}.test`]: `${label63}.test`,
    [name253]: name253,
    [`${name253}.`]: name253,
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(toDomain(text), expected, text);
});

test("what cannot be a host name is no domain (RFC 1035 section 2.3.4, RFC 1123 section 2.1)", () => {
  const cases = [
    "",
    ".",
    "..",
    ".example.test",
    "example..test",
    "example.test..",
    "-a.test",
    "a-.test",
    "a_b.test",
    "*.example.test",
    "a b.test",
    "example.test ",
    "exa%6Dple.test",
    "example.test/",
    "user@example.test",
    "example.test:25",
    "a\u0000.test",
    "a\n.test",
    "[192.0.2.1]",
    "[IPv6:2001:db8::1]",
    "2001:db8::1",
    "192.0.2.1",
    "192.0.2.1.",
    "127.1",
    "1",
    "example.123",
    "0x7f.1",
    "a.0x7f",
    "a.0x",
    "１９２.0.2.１",
    "example。test",
    "example．test",
    "℀.test",
    "⒈test.test",
    "a\u00ad.test",
    "💩.test",
    "xn--.ü",
    `${label63}a.test`,
    `${name253}b`,
    `${"ü".repeat(60)}.test`,
    "a".repeat(100_000),
  ];
  for (const text of cases) assert.equal(toDomain(text), undefined, text.slice(0, 80));
});

test("a name that is only asked for may have underscores, and hyphens anywhere", () => {
  const cases: Record<string, string | undefined> = {
    "_mta-sts.Example.test": "_mta-sts.example.test",
    "_25._tcp.mx.example.test.": "_25._tcp.mx.example.test",
    "mail_1.example.test": "mail_1.example.test",
    "-a-.test": "-a-.test",
    "_mta-sts.bücher.test": "_mta-sts.xn--bcher-kva.test",
    "192.0.2.1": undefined,
    "a b.test": undefined,
    "*.test": undefined,
    [`_mta-sts.${name253}`]: undefined,
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(toQueryName(text), expected, text);
});

test("any text is refused, or becomes a name that stays as it is", () => {
  const codePoint = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));
  const anything = fc.oneof(
    fc.string({ unit: codePoint }),
    fc.string({ unit: fc.constantFrom("a", "Z", "0", "-", "_", ".", "ü", "ß", "。", "١", "x", "n") }),
    fc.domain().map((name) => name.toUpperCase()),
  );
  fc.assert(
    fc.property(anything, (text) => {
      const domain = toDomain(text);
      if (domain === undefined) return;
      assert.match(domain, /^[a-z0-9.-]{1,253}$/);
      assert.equal(toDomain(domain), domain);
      assert.equal(toQueryName(domain), domain);
    }),
  );
});

test("every name of letters, digits and hyphens is accepted", () => {
  fc.assert(fc.property(fc.domain(), (name) => assert.equal(toDomain(name), name.toLowerCase())));
});
