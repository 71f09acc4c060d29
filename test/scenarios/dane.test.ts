/** DANE is not there yet: what that means for MTA-STS. RFC 8461 section 2, RFC 7672. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { startTestRelay } from "../support/relay.ts";

test("no DANE validation is begun, so none can fail and be overridden by a policy (STS-VAL-10)", async () => {
  await using lab = await startLab({ only: ["good-enforce.test"] });
  // A record that no certificate fits: whoever validated it would have to refuse the host.
  lab.dns.set("_25._tcp.mx.good-enforce.test", "TLSA", [
    { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32) },
  ]);
  lab.dns.authentic = true;
  await using relay = await startTestRelay(lab);
  assert.equal((await relay.send("user@good-enforce.test")).tls, "verified");
  // When this fails DANE has come: then its verdict goes before the policy's (tls/requirement.ts).
  assert.deepEqual(
    lab.dns.queries.filter(({ type }) => type === "TLSA"),
    [],
  );
});
