import assert from "node:assert/strict";
import { test } from "node:test";
import {
  mailParameters,
  type NotifyWord,
  recipientParameters,
  typedAddress,
  wantsReport,
  xtext,
} from "../../src/mail/dsn.ts";

test("parameters are written as xtext, the type of ORCPT as it is (RFC 3461 section 4)", () => {
  assert.deepEqual(mailParameters({}), []);
  assert.deepEqual(mailParameters({ ret: "HDRS", envid: "a b+c=d" }), ["RET=HDRS", "ENVID=a+20b+2Bc+3Dd"]);
  assert.deepEqual(recipientParameters({}), []);
  assert.deepEqual(recipientParameters({ notify: ["SUCCESS", "DELAY"], orcpt: "rfc822;a+b@lab.test" }), [
    "NOTIFY=SUCCESS,DELAY",
    "ORCPT=rfc822;a+2Bb@lab.test",
  ]);
  assert.deepEqual(recipientParameters({ orcpt: "utf-8;gr\\x{FC}n@lab.test" }), ["ORCPT=utf-8;gr\\x{FC}n@lab.test"]);
  assert.equal(xtext("\r\n\u007f~!"), "+0D+0A+7F~!");
});

test("without NOTIFY failures and delays are reported, with it what it names (RFC 3461 section 4.1)", () => {
  const all = ["SUCCESS", "FAILURE", "DELAY"] as const;
  const cases: [notify: NotifyWord[] | undefined, wanted: string][] = [
    [undefined, "FAILURE DELAY"],
    [["NEVER"], ""],
    [["SUCCESS"], "SUCCESS"],
    [["SUCCESS", "DELAY"], "SUCCESS DELAY"],
    [[...all], "SUCCESS FAILURE DELAY"],
  ];
  for (const [notify, wanted] of cases) {
    const wish = notify === undefined ? {} : { notify };
    assert.equal(all.filter((of) => wantsReport(wish, of)).join(" "), wanted);
  }
});

test("an address has its type before it (RFC 6533 section 3)", () => {
  assert.equal(typedAddress("a@lab.test"), "rfc822;a@lab.test");
  assert.equal(typedAddress("ü@lab.test"), "utf-8;\\x{FC}@lab.test");
});
