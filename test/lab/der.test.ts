import assert from "node:assert/strict";
import { test } from "node:test";
import { bitString, boolean, element, integer, objectIdentifier, time } from "../../src/lab/der.ts";

test("each type is written in the one way that DER allows (X.690 section 8)", () => {
  const cases: [string, Buffer, string][] = [
    ["zero", integer(Buffer.of(0)), "020100"],
    ["leading zeros go", integer(Buffer.of(0, 0, 5)), "020105"],
    ["but the one that keeps it positive", integer(Buffer.of(0, 0x80)), "02020080"],
    ["and comes where it is missing", integer(Buffer.of(0xff)), "020200ff"],
    ["true", boolean(true), "0101ff"],
    ["arcs of several digits", objectIdentifier("1.2.840.10045.4.3.2"), "06082a8648ce3d040302"],
    ["unused bits", bitString(Buffer.of(0x80), 7), "03020780"],
    ["UTCTime", time(new Date("2049-12-31T23:59:59.999Z")), `170d${Buffer.from("491231235959Z").toString("hex")}`],
    [
      "GeneralizedTime",
      time(new Date("2050-01-01T00:00:00Z")),
      `180f${Buffer.from("20500101000000Z").toString("hex")}`,
    ],
    ["127 bytes", element(0x04, Buffer.alloc(127)).subarray(0, 2), "047f"],
    ["128 bytes", element(0x04, Buffer.alloc(128)).subarray(0, 3), "048180"],
    ["65,536 bytes", element(0x04, Buffer.alloc(65_536)).subarray(0, 5), "0483010000"],
  ];
  for (const [what, written, expected] of cases) assert.equal(written.toString("hex"), expected, what);
});
