import assert from "node:assert/strict";
import { test } from "node:test";
import { guarded, StoreError, storeError } from "../../src/store/store-error.ts";

test("what Redis says becomes full or unavailable, with the cause kept", () => {
  const aborted = new Error("EXECABORT Transaction discarded because of previous errors.");
  const oom = new Error("OOM command not allowed when used memory > 'maxmemory'.");
  const broken = new Error("Connection is closed.");
  Object.assign(broken, { previousErrors: [broken] });
  const cases: Array<[unknown, string]> = [
    [oom, "full"],
    [Object.assign(aborted, { previousErrors: [oom] }), "full"],
    [broken, "unavailable"],
    [new Error("Command timed out"), "unavailable"],
    [new Error("READONLY You can't write against a read only replica."), "unavailable"],
    ["not even an error", "unavailable"],
  ];
  for (const [cause, code] of cases) {
    const err = storeError("take the message", cause);
    assert.deepEqual([err.code, err.cause], [code, cause]);
    assert.match(err.message, /^Redis could not take the message: /);
  }
});

test("a StoreError stays what it is", async () => {
  const err = new StoreError("over-watermark", "nearly full");
  await assert.rejects(guarded("take the message", Promise.reject(err)), (caught) => caught === err);
});
