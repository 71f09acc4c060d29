import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { createLog, smtpLogger, type LogOptions } from "../../src/observe/log.ts";

/** Collects what is written. */
function sink(isTTY: boolean) {
  let text = "";
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { destination: Object.assign(stream, { isTTY }), text: () => text };
}

function logged(
  options: Omit<LogOptions, "destination">,
  isTTY: boolean,
  write: (log: ReturnType<typeof createLog>) => void,
) {
  const { destination, text } = sink(isTTY);
  write(createLog({ ...options, destination }));
  return text();
}

test("a JSON line has the time in ISO 8601, the level as a word, and nothing of the process", () => {
  const line = logged({ level: "info", format: "json" }, true, (log) =>
    log.warn({ event: "deferred", domain: "a.example" }, "later"),
  );
  const { time, ...rest } = JSON.parse(line) as { time: string };
  assert.deepEqual(rest, { level: "warn", event: "deferred", domain: "a.example", msg: "later" });
  assert.equal(new Date(time).toISOString(), time);
});

test("auto is pretty on a terminal and JSON elsewhere", () => {
  const cases: [LogOptions["format"], boolean, boolean][] = [
    ["auto", true, true],
    ["auto", false, false],
    ["pretty", false, true],
    ["json", true, false],
  ];
  for (const [format, isTTY, isPretty] of cases) {
    const text = logged({ level: "info", format }, isTTY, (log) => log.info("hello"));
    assert.equal(!text.startsWith("{"), isPretty, `${format}, ${isTTY ? "terminal" : "file"}: ${text}`);
    assert.match(text, /hello/);
  }
});

test("lines below the level are not written", () => {
  assert.equal(
    logged({ level: "warn", format: "json" }, false, (log) => log.info("hello")),
    "",
  );
});

test("a value called like a secret is not written", () => {
  const text = logged({ level: "info", format: "json" }, false, (log) =>
    log.info({ password: "x1", passwordHash: "x2", token: "x3" }, "hello"),
  );
  assert.doesNotMatch(text, /x[123]/);
});

test("an error is written with its stack and cause", () => {
  const err = new Error("outer", { cause: new Error("inner") });
  const text = logged({ level: "info", format: "json" }, false, (log) => log.error({ err }, "fault"));
  assert.match(text, /outer.*inner/);
});

test("smtp-server and nodemailer lose none of their arguments, and all they say is detail", () => {
  const text = logged({ level: "debug", format: "json" }, false, (log) => {
    const logger = smtpLogger(log);
    logger.debug({ tnx: "send" }, "S: %s", "250 OK", "more");
    logger.error("failed with %s", "this");
    logger.info({ tnx: "connect" });
  });
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, string>);
  assert.deepEqual(
    lines.map(({ level, tnx, msg }) => [level, tnx, msg]),
    [
      ["debug", "send", "S: 250 OK more"],
      ["debug", undefined, "failed with this"],
      ["debug", "connect", ""],
    ],
  );
});
