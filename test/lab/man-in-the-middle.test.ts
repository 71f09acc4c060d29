import assert from "node:assert/strict";
import { test } from "node:test";
import { createAuthority } from "../../src/lab/authority.ts";
import { startManInTheMiddle, stripStarttls } from "../../src/lab/man-in-the-middle.ts";
import { startMxHost } from "../../src/lab/mx-host.ts";
import { deliver } from "./support/deliver.ts";

test("STARTTLS is taken out of an EHLO reply that stays well-formed (RFC 5321 section 4.2.1)", () => {
  const cases: [string[], string[]][] = [
    [
      ["250-mx.test", "250-STARTTLS", "250 SIZE 1"],
      ["250-mx.test", "250 SIZE 1"],
    ],
    [
      ["250-mx.test", "250-SIZE 1", "250 STARTTLS"],
      ["250-mx.test", "250 SIZE 1"],
    ],
    [["250-mx.test", "250 starttls"], ["250 mx.test"]],
    [["250 mx.test"], ["250 mx.test"]],
    [["220 mx.test STARTTLS"], ["220 mx.test STARTTLS"]],
  ];
  const crlf = (lines: string[]) => lines.map((line) => `${line}\r\n`);
  for (const [reply, expected] of cases) assert.deepEqual(stripStarttls(crlf(reply)), crlf(expected));
});

test("a client that asks for no more is read in clear; one that insists on TLS finds none and says nothing (RFC 8461 section 10.1)", async () => {
  const authority = await createAuthority();
  const certificate = await authority.issue({ names: ["mx.lab.test"] });
  const honest = await startMxHost({ host: "127.0.0.1", port: 0, name: "mx.lab.test", certificate });
  const target = { host: honest.address, port: honest.port };
  const between = await startManInTheMiddle({ host: "127.0.0.1", port: 0, target });
  try {
    const how = { servername: "mx.lab.test", ca: authority.caPem };
    assert.equal((await deliver({ ...how, port: honest.port })).error, undefined);
    assert.equal(honest.messages[0]?.tls, "TLSv1.3", "the host itself is honest");

    assert.match((await deliver({ ...how, port: between.port, requireTLS: true })).error ?? "", /STARTTLS/);
    assert.equal(between.leaked.toString(), "");
    assert.equal(honest.sessions[1]?.leaked.toString(), "");
    assert.match(between.read.toString(), /^EHLO .*\r\nSTARTTLS\r\n/);

    assert.equal((await deliver({ ...how, port: between.port })).error, undefined);
    assert.equal(honest.messages[1]?.tls, undefined);
    assert.match(between.leaked.toString(), /MAIL FROM:<sender@lab\.test>.*hello/s);
  } finally {
    await between.close();
    await honest.close();
  }
});
