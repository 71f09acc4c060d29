import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeMailParameters, type Parameters, refuseRecipientParameters } from "../../src/submission/parameters.ts";
import { replyLine } from "../../src/submission/reply.ts";

function judge(parameters: Parameters): unknown {
  const judged = judgeMailParameters(parameters, 1000);
  return judged.kind === "refused" ? replyLine(judged.reply) : { smtputf8: judged.smtputf8, eightBit: judged.eightBit };
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
  for (const name of ["REQUIRETLS", "RET", "ENVID", "HOLDFOR", "MT-PRIORITY", "X"]) {
    assert.equal(judge({ [name]: "1" }), `555 5.5.4 Parameter ${name} is not supported`);
  }
  assert.equal(judge({ "<\u0007>": "1" }), "555 5.5.4 Parameter is not supported");
});

test("RCPT has no parameters (RFC 3461 is not announced)", () => {
  assert.equal(refuseRecipientParameters({}), undefined);
  const reply = refuseRecipientParameters({ NOTIFY: "NEVER" });
  assert.equal(reply && replyLine(reply), "555 5.5.4 Parameter NOTIFY is not supported");
});
