import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeFailure, loginFailure, type SetupPhase } from "../../src/smtp/failure.ts";

const PHASES: SetupPhase[] = ["connect", "greeting", "ehlo", "handshake"];

test("what nodemailer tells of a failure, and how far the session had come, make phase and words", () => {
  const cases: [object, SetupPhase, string, string][] = [
    [{ code: "ESOCKET", originalCode: "ECONNREFUSED" }, "connect", "connect", "it refuses connections"],
    [{ code: "ESOCKET", originalCode: "EHOSTUNREACH" }, "connect", "connect", "no route to it from here"],
    [{ code: "ESOCKET", originalCode: "ENETUNREACH" }, "connect", "connect", "no route to it from here"],
    [{ code: "ESOCKET", originalCode: "EADDRNOTAVAIL" }, "connect", "connect", "no route to it from here"],
    [{ code: "ETIMEDOUT" }, "connect", "connect", "no connection in time"],
    [{ code: "ESOCKET", originalCode: "ETIMEDOUT" }, "connect", "connect", "no connection in time"],
    [{ code: "ETIMEDOUT" }, "greeting", "greeting", "it did not greet in time"],
    [{ code: "ETIMEDOUT" }, "ehlo", "ehlo", "it did not answer in time"],
    [{ code: "ETIMEDOUT" }, "handshake", "handshake", "the TLS handshake did not end in time"],
    [
      { code: "EPROTOCOL", command: "CONN", response: "554 5.3.2 closed" },
      "ehlo",
      "greeting",
      'it greeted with: "554 5.3.2 closed"',
    ],
    [
      { code: "ECONNECTION", command: "EHLO", response: "550 not you" },
      "ehlo",
      "ehlo",
      'it refused EHLO: "550 not you"',
    ],
    [{ code: "EPROTOCOL", command: "HELO", response: "550 no" }, "ehlo", "ehlo", 'it refused EHLO: "550 no"'],
    [
      { code: "ETLS", command: "STARTTLS", response: "454 4.7.0 later" },
      "ehlo",
      "starttls",
      'it refused STARTTLS: "454 4.7.0 later"',
    ],
    [{ code: "ECONNECTION" }, "greeting", "ehlo", "it dropped the connection before any mail command"],
    [
      { code: "ESOCKET", originalCode: "ECONNRESET" },
      "ehlo",
      "ehlo",
      "it dropped the connection before any mail command",
    ],
    [
      { code: "ESOCKET", originalCode: "ECONNRESET" },
      "handshake",
      "handshake",
      "it dropped the connection in the TLS handshake",
    ],
    [{ code: "ETLS", command: "CONN" }, "handshake", "handshake", "it dropped the connection in the TLS handshake"],
    [
      { code: "ESOCKET", originalCode: "ERR_SSL_UNSUPPORTED_PROTOCOL" },
      "handshake",
      "handshake",
      "the TLS handshake failed: no common version, TLS 1.2 is the least (ERR_SSL_UNSUPPORTED_PROTOCOL)",
    ],
    [
      { code: "ESOCKET", originalCode: "ERR_SSL_WRONG_VERSION_NUMBER" },
      "connect",
      "handshake",
      "the TLS handshake failed: what came in its place is not TLS (ERR_SSL_WRONG_VERSION_NUMBER)",
    ],
    [{ code: "ESOCKET", originalCode: "ERR_SSL_X" }, "handshake", "handshake", "the TLS handshake failed (ERR_SSL_X)"],
    [{ code: "EPROTOCOL" }, "ehlo", "ehlo", "the session could not be set up (EPROTOCOL)"],
    [{ code: "ABORTED" }, "handshake", "connect", "the attempt was broken off"],
  ];
  for (const [error, at, phase, detail] of cases) {
    const failure = describeFailure(error, at);
    assert.deepEqual([failure.phase, failure.detail], [phase, detail]);
  }
});

test("the reply that a failure came with is kept", () => {
  const { reply } = describeFailure({ code: "EPROTOCOL", command: "CONN", response: "554 5.3.2 closed" }, "ehlo");
  assert.deepEqual(reply, { code: 554, status: "5.3.2", text: "554 5.3.2 closed" });
});

test("a login fails in the phase of its own: refused, unanswered, or dropped", () => {
  const cases: [object, string, string][] = [
    [{ code: "EAUTH", response: "535 5.7.8 wrong" }, "login", 'it refused the login: "535 5.7.8 wrong"'],
    [{ code: "ETIMEDOUT" }, "login", "it did not answer in time when we logged in"],
    [{ code: "ECONNECTION" }, "login", "it dropped the connection when we logged in"],
    [{ code: "ABORTED" }, "connect", "the attempt was broken off"],
  ];
  for (const [error, phase, detail] of cases) {
    const failure = loginFailure(error);
    assert.deepEqual([failure.phase, failure.detail], [phase, detail]);
  }
});

test("whatever is thrown, it is described without a throw and without an exception's text", () => {
  const secret = "text of an exception";
  const thrown = fc.oneof(
    fc.anything(),
    fc.record({
      code: fc.anything(),
      originalCode: fc.anything(),
      command: fc.anything(),
      message: fc.constant(secret),
    }),
  );
  fc.assert(
    fc.property(thrown, fc.constantFrom(...PHASES), (error, at) => {
      assert.doesNotMatch(describeFailure(error, at).detail, new RegExp(secret));
      assert.doesNotMatch(loginFailure(error).detail, new RegExp(secret));
    }),
  );
});
