import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeMailParameters, judgeRecipientParameters, type Parameters } from "../../src/submission/parameters.ts";
import { replyLine } from "../../src/submission/reply.ts";

function judge(parameters: Parameters): unknown {
  const judged = judgeMailParameters(parameters, 1000);
  return verdictOf(judged);
}

function verdictOf(judged: ReturnType<typeof judgeMailParameters | typeof judgeRecipientParameters>): unknown {
  if (judged.kind === "refused") return replyLine(judged.reply);
  const { kind: _, ...parameters } = judged;
  return parameters;
}

test("parameters that were announced are taken (RFC 1870, RFC 6152, RFC 6531, RFC 4954 section 5)", () => {
  const plain = { smtputf8: false, eightBit: false };
  const cases: [parameters: Parameters, judged: object][] = [
    [{}, plain],
    [{ SIZE: "1000" }, plain],
    [{ SIZE: "0" }, plain],
    [{ BODY: "7bit" }, plain],
    [{ BODY: "8BitMime" }, { ...plain, eightBit: true }],
    [{ SMTPUTF8: true }, { ...plain, smtputf8: true }],
    [{ AUTH: "<>" }, plain],
    [{ AUTH: "user@example.com" }, plain],
  ];
  for (const [parameters, judged] of cases) assert.deepEqual(judge(parameters), judged, JSON.stringify(parameters));
});

test("a bad value is refused 501 5.5.4 (RFC 5321 section 4.1.1.11)", () => {
  const cases: Parameters[] = [{ SIZE: "x" }, { SIZE: "-1" }, { SIZE: "1".repeat(21) }, { SIZE: true }];
  cases.push({ BODY: "BINARYMIME" }, { BODY: true }, { SMTPUTF8: "yes" }, { AUTH: true });
  for (const parameters of cases) {
    const [name] = Object.keys(parameters);
    assert.equal(judge(parameters), `501 5.5.4 Bad value of parameter ${name}`);
  }
});

test("a message that says it is too large is refused before it is sent (RFC 1870 section 6.1)", () => {
  assert.equal(judge({ SIZE: "1001" }), "552 5.3.4 Message is larger than 1000 bytes");
});

test("what was not announced is refused 555 5.5.4 and named (RFC 5321 section 4.1.1.11)", () => {
  for (const name of ["REQUIRETLS", "HOLDFOR", "MT-PRIORITY", "NOTIFY", "X"]) {
    assert.equal(judge({ [name]: "1" }), `555 5.5.4 Parameter ${name} is not supported`);
  }
  assert.equal(judge({ "<\u0007>": "1" }), "555 5.5.4 Parameter is not supported");
});

test("RET and ENVID say what is returned, and under which name (RFC 3461 sections 4.3 and 4.4)", () => {
  const plain = { smtputf8: false, eightBit: false };
  const cases: [parameters: Parameters, judged: unknown][] = [
    [{ RET: "full" }, { ...plain, dsn: { ret: "FULL" } }],
    [
      { RET: "HDRS", ENVID: "a b" },
      { ...plain, dsn: { ret: "HDRS", envid: "a b" } },
    ],
    [{ ENVID: "x".repeat(100) }, { ...plain, dsn: { envid: "x".repeat(100) } }],
    [{ RET: "BODY" }, "501 5.5.4 Bad value of parameter RET"],
    [{ RET: true }, "501 5.5.4 Bad value of parameter RET"],
    [{ ENVID: true }, "501 5.5.4 Bad value of parameter ENVID"],
    [{ ENVID: "x".repeat(101) }, "501 5.5.4 Bad value of parameter ENVID"],
    [{ ENVID: "+".repeat(34) }, "501 5.5.4 Bad value of parameter ENVID"],
    [{ ENVID: "\u00fc" }, "501 5.5.4 Bad value of parameter ENVID"],
    [{ ENVID: "a\nb" }, "501 5.5.4 Bad value of parameter ENVID"],
  ];
  for (const [parameters, judged] of cases) assert.deepEqual(judge(parameters), judged, JSON.stringify(parameters));
});

test("NOTIFY and ORCPT say who wants to hear what of a recipient (RFC 3461 sections 4.1 and 4.2, RFC 6533 section 3)", () => {
  const badNotify = "501 5.5.4 Bad value of parameter NOTIFY";
  const badOrcpt = "501 5.5.4 Bad value of parameter ORCPT";
  const cases: [parameters: Parameters, judged: unknown][] = [
    [{}, {}],
    [{ NOTIFY: "never" }, { dsn: { notify: ["NEVER"] } }],
    [{ NOTIFY: "delay,Success,FAILURE" }, { dsn: { notify: ["SUCCESS", "FAILURE", "DELAY"] } }],
    [{ NOTIFY: "NEVER,FAILURE" }, badNotify],
    [{ NOTIFY: "SOMETIMES" }, badNotify],
    [{ NOTIFY: "FAILURE," }, badNotify],
    [{ NOTIFY: true }, badNotify],
    [{ ORCPT: "rfc822;a+b@lab.test" }, { dsn: { orcpt: "rfc822;a+b@lab.test" } }],
    [{ ORCPT: "utf-8;gr\\x{FC}n@lab.test" }, { dsn: { orcpt: "utf-8;gr\\x{FC}n@lab.test" } }],
    [{ ORCPT: "utf-8;grün@lab.test" }, { dsn: { orcpt: "utf-8;gr\\x{FC}n@lab.test" } }],
    [{ ORCPT: "rfc822;grün@lab.test" }, badOrcpt],
    [{ ORCPT: "rfc822" }, badOrcpt],
    [{ ORCPT: ";a@lab.test" }, badOrcpt],
    [{ ORCPT: `rfc822;${"x".repeat(500)}` }, badOrcpt],
    [{ ORCPT: true }, badOrcpt],
    [{ RET: "FULL" }, "555 5.5.4 Parameter RET is not supported"],
  ];
  for (const [parameters, judged] of cases)
    assert.deepEqual(verdictOf(judgeRecipientParameters(parameters)), judged, JSON.stringify(parameters));
});
