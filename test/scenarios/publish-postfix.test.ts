/** What we publish, read by a program that nobody here wrote: Debian's postfix-mta-sts-resolver. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NETWORK, type Said } from "../publish/support/postfix-resolver-cases.ts";
import { ownNetworkProblem, runInOwnNetwork } from "../support/own-network.ts";
import { missingPrograms, skipWithout, skipWithoutRoot } from "../support/real-programs.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const SCRIPT = new URL("../publish/support/ask-postfix-resolver.ts", import.meta.url);

test("postfix-mta-sts-resolver takes every policy as it is meant, and sees each change by its id (RFC 8461 sections 3.1 and 3.2)", async (t) => {
  if (skipWithout(t, missingPrograms(["mta-sts-query", "unshare", "ip"])) || skipWithoutRoot(t)) return;
  const problem = await ownNetworkProblem();
  if (problem !== undefined) return t.skip(problem);
  await using dir = await makeTempDir();
  const said = JSON.parse(await runInOwnNetwork(SCRIPT, `${NETWORK.subnet}.1`, dir.path)) as Said[];
  const policies = [
    { mode: "testing", maxAge: 86_400, mx: ["mx.ours.test"] },
    { mode: "enforce", maxAge: 604_800, mx: ["*.mail.ours.test", "mx.ours.test"] },
    { mode: "none", maxAge: 86_400, mx: [] },
  ];
  for (const [index, { mode, maxAge, mx }] of policies.entries()) {
    const { id = "", answer = "", again = "" } = said[index] ?? {};
    const list = mx.map((host) => `'${host}'`).join(", ");
    assert.ok(answer.startsWith(`(<STSFetchResult.VALID: 1>, ('${id}', {`), answer);
    assert.ok(answer.includes(`'mode': '${mode}'`), answer);
    assert.ok(answer.includes(`'max_age': ${maxAge}`), answer);
    assert.ok(answer.includes(`'mx': [${list}]`), answer);
    assert.match(again, /NOT_CHANGED/);
  }
});
