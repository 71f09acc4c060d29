import assert from "node:assert/strict";
import { test } from "node:test";
import { untilTaken } from "../../src/store/until-taken.ts";

test("what Redis refuses is tried until it is taken; whatever else goes wrong is told", async () => {
  const refusals = [
    "OOM command not allowed when used memory > 'maxmemory'.",
    "NOSCRIPT No matching script. Please use EVAL.",
    "MISCONF Errors writing to the AOF file: No space left on device",
    "READONLY You can't write against a read only replica.",
  ];
  const left = [...refusals];
  const write = async () => {
    const refusal = left.shift();
    if (refusal !== undefined) throw new Error(refusal);
    return "taken";
  };
  assert.equal(await untilTaken(write, () => true), "taken");
  for (const message of ["Missing lock for job 1. moveToFinished", "Connection is closed.", "ERR unknown command"]) {
    await assert.rejects(
      untilTaken(
        () => Promise.reject(new Error(message)),
        () => true,
      ),
      { message },
    );
  }
  await assert.rejects(
    untilTaken(
      () => Promise.reject(new Error(refusals[0])),
      () => false,
    ),
    /^Error: OOM/,
  );
});
