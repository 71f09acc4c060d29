import assert from "node:assert/strict";
import { test } from "node:test";
import { type ExceptionWish, readDomain, readWish } from "../../src/operate/rules.ts";
import { HOUR, NOW } from "./support.ts";

const WISH = { domain: "A.Example.", by: "anna@mail", reason: "they know", until: NOW + HOUR };

test("an exception as an operator writes it, or what is wrong with it", () => {
  const cases: [Partial<ExceptionWish>, string | object][] = [
    [{ mtaSts: "disable" }, { kind: "mta-sts", rule: "disable" }],
    [{ mtaSts: "testing" }, { kind: "mta-sts", rule: "testing" }],
    [{ pinMx: ["MX.a.example", "*.b.example"] }, { kind: "pin", mx: ["mx.a.example", "*.b.example"] }],
    [{ mtaSts: "enforce" }, "enforce is no rule; known: optional, require, testing, disable"],
    [{}, "either an MTA-STS rule or pinned MX hosts"],
    [{ mtaSts: "disable", pinMx: ["mx.a.example"] }, "either an MTA-STS rule or pinned MX hosts"],
    [{ pinMx: [] }, '"" is not a host name'],
    [{ pinMx: ["mx.a.example", "192.0.2.1"] }, '"192.0.2.1" is not a host name'],
    [{ mtaSts: "disable", domain: "a b" }, '"a b" is not a domain'],
    [{ mtaSts: "disable", reason: " " }, "it needs a reason, in a sentence"],
    [{ mtaSts: "disable", by: "" }, "it needs an author"],
    [{ mtaSts: "disable", until: NOW }, "its end is in the past"],
  ];
  for (const [change, expected] of cases) {
    const read = readWish({ ...WISH, ...change }, NOW);
    if (typeof expected === "string") assert.deepEqual(read, { wrong: expected });
    else {
      assert.deepEqual(read, {
        exception: {
          domain: "a.example",
          what: expected,
          by: "anna@mail",
          reason: "they know",
          setAt: NOW,
          until: NOW + HOUR,
        },
      });
    }
  }
});

test("a domain is read in each form, and an address literal stays one", () => {
  const cases = {
    "Bücher.Example": "xn--bcher-kva.example",
    "@a.example": "a.example",
    "[IPv6:2001:DB8::1]": "[ipv6:2001:db8::1]",
  };
  for (const [text, domain] of Object.entries(cases)) assert.equal(readDomain(text), domain);
  assert.equal(readDomain("*.a.example"), undefined);
});
