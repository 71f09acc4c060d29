import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AddressRules, judgeRecipient, judgeSender } from "../../src/submission/addresses.ts";
import { replyLine } from "../../src/submission/reply.ts";

const rules: AddressRules = { smtputf8: false, allowLiterals: false, hostname: "relay.example" };
const utf8 = { ...rules, smtputf8: true };
const literals = { ...rules, allowLiterals: true };

/** The address, or `code status` of the refusal. */
function recipient(text: string, given = rules): string {
  const judged = judgeRecipient(text, given);
  return judged.kind === "address" ? judged.address : replyLine(judged.reply).split(" ").slice(0, 2).join(" ");
}

function sender(text: string, given = rules): string {
  const judged = judgeSender(text, given);
  return judged.kind === "address" ? judged.address : replyLine(judged.reply).split(" ").slice(0, 2).join(" ");
}

const label = "x".repeat(63);

test("a recipient keeps its local part and gets its domain in lower case (RFC 5321 section 2.4)", () => {
  const cases: Record<string, string> = {
    "User@Example.COM": "User@example.com",
    "a.b+c=d@example.com": "a.b+c=d@example.com",
    "!#$%&'*/?^_`{|}~-@example.com": "!#$%&'*/?^_`{|}~-@example.com",
    '"quoted@local"@example.com': '"quoted@local"@example.com',
    [`${"l".repeat(64)}@example.com`]: `${"l".repeat(64)}@example.com`,
  };
  for (const [text, address] of Object.entries(cases)) assert.equal(recipient(text), address);
});

test("a syntax that is none is refused 501 (RFC 5321 section 4.1.2)", () => {
  const cases = ["", "@", "user", "user@", "@example.com", ".a@example.com", "a.@example.com", "a..b@example.com"];
  cases.push(
    "a b@example.com",
    "a\u0000b@example.com",
    "a\r\nb@example.com",
    "a\u0085b@example.com",
    "a,b@example.com",
  );
  cases.push("a@b@example.com", '"a"b@example.com', '"a\u0007"@example.com', "a\ufffd@example.com", "<a>@example.com");
  for (const text of cases) {
    assert.match(recipient(text, utf8), /^(?:501 5\.1\.3|553 5\.1\.2)$/, JSON.stringify(text));
    if (text !== "") assert.match(sender(text, utf8), /^(?:501 5\.1\.7|553 5\.1\.8)$/, JSON.stringify(text));
  }
});

test("a domain is letters, digits and hyphens with a dot (RFC 5321 sections 2.3.5 and 4.1.2, RFC 6409 section 4.2)", () => {
  const cases: [text: string, result: string][] = [
    ["user@ex_ample.com", "553 5.1.2"],
    ["user@-a.example", "553 5.1.2"],
    ["user@a..example", "553 5.1.2"],
    ["user@ex%61mple.com", "553 5.1.2"],
    ["user@192.0.2.1", "553 5.1.2"],
    ["user@127.1", "553 5.1.2"],
    [`user@${label}x.example`, "553 5.1.2"],
    ["user@localhost", "554 5.1.2"],
    ["user@sales", "554 5.1.2"],
  ];
  for (const [text, result] of cases) {
    assert.equal(recipient(text), result, text);
    assert.equal(sender(text), result.replace("5.1.2", "5.1.8"), text);
  }
});

test("a U-label becomes an A-label, and needs no SMTPUTF8 (RFC 6531 section 3.2)", () => {
  assert.equal(recipient("user@Bücher.example"), "user@xn--bcher-kva.example");
  assert.equal(recipient("user@XN--bcher-KVA.example"), "user@xn--bcher-kva.example");
});

test("a non-ASCII local part needs SMTPUTF8 (RFC 6531 section 3.5)", () => {
  assert.equal(recipient("bücher@example.com"), "553 5.6.7");
  assert.equal(sender("bücher@example.com"), "553 5.6.7");
  assert.equal(recipient("bücher@example.com", utf8), "bücher@example.com");
  assert.equal(sender("用户@Bücher.example", utf8), "用户@xn--bcher-kva.example");
});

test("lengths are counted in octets (RFC 5321 section 4.5.3.1)", () => {
  const long = [label, label, label, "example"].join(".");
  assert.equal(recipient(`${"l".repeat(65)}@example.com`), "553 5.1.3");
  assert.equal(recipient(`${"ü".repeat(33)}@example.com`, utf8), "553 5.1.3");
  assert.equal(recipient(`${"l".repeat(53)}@${long}`), `${"l".repeat(53)}@${long}`);
  assert.equal(recipient(`${"l".repeat(60)}@${long}`), "553 5.1.3");
});

test("recipients at address literals are refused, unless allowed (RFC 5321 section 4.1.3)", () => {
  assert.equal(recipient("user@[192.0.2.1]"), "553 5.1.2");
  const cases: Record<string, string> = {
    "user@[192.0.2.1]": "user@[192.0.2.1]",
    "user@[IPV6:2001:DB8::1]": "user@[IPv6:2001:db8::1]",
    "user@[2001:db8::1]": "501 5.1.3",
    "user@[192.0.2.256]": "501 5.1.3",
    "user@[1]": "501 5.1.3",
    "user@[IPv6:fe80::1%eth0]": "501 5.1.3",
    "user@[x-tag:hello]": "501 5.1.3",
    "user@[192.0.2.1]x": "501 5.1.3",
    "user@[]": "501 5.1.3",
  };
  for (const [text, result] of Object.entries(cases)) assert.equal(recipient(text, literals), result, text);
  assert.equal(sender("user@[192.0.2.1]"), "user@[192.0.2.1]");
});

test("the null sender is taken, a null recipient is not (RFC 5321 sections 4.5.5 and 4.1.1.3)", () => {
  assert.equal(sender(""), "");
  assert.equal(recipient(""), "501 5.1.3");
});

test("<Postmaster> without a domain is the relay's own (RFC 5321 section 4.1.1.3)", () => {
  assert.equal(recipient("PostMaster"), "PostMaster@relay.example");
  assert.equal(sender("postmaster"), "501 5.1.7");
});

test("random text never throws, and what is taken is taken again unchanged", () => {
  const piece = fc.oneof(
    fc.constantFrom("@", ".", "[", "]", '"', "\\", "example.com", "xn--", "ü"),
    fc.string({ unit: "grapheme" }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const judged = judgeRecipient(pieces.join(""), { ...utf8, allowLiterals: true });
      if (judged.kind === "address") {
        assert.deepEqual(judgeRecipient(judged.address, { ...utf8, allowLiterals: true }), judged);
      }
    }),
  );
});
