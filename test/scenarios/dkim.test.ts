/** Mail of the application, signed by the relay, as it arrives at a host. RFC 6376. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type DkimKey, generateDkimKey, readDkimKey } from "../../src/dkim/key.ts";
import { startLab } from "../../src/lab/lab.ts";
import { recordsOf, verify } from "../dkim/support/verify.ts";
import { startTestRelay } from "../support/relay.ts";
import { makeTempDir } from "../support/temp-dir.ts";

const HEAD = "From: app@sender.test\r\nTo: user@good-enforce.test\r\nSubject: hello\r\n";

test("what the application sends arrives signed by both keys of its domain, whatever it holds, and mail of other domains unsigned", async (t) => {
  await using dir = await makeTempDir();
  const keys = await Promise.all([keyIn(dir.path, "rsa", "r"), keyIn(dir.path, "ed25519", "e")]);
  await using lab = await startLab({ only: ["good-enforce.test"] });
  await using relay = await startTestRelay(lab, {
    dkim: keys.map(({ selector, file }) => ({ domain: "sender.test", selector, keyFile: file })),
  });
  const [host] = lab.hostsOf("good-enforce.test");
  assert.ok(host);
  const messages: Record<string, string> = {
    "plain text": `${HEAD}\r\nHello\r\n`,
    "8-bit text": `${HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\nGrüße à tous\r\n`,
    "a header in UTF-8": `${HEAD}Comments: Grüße à\r\n\r\nHello\r\n`,
    "lines that begin with dots": `${HEAD}\r\n.\r\n..\r\n.x\r\n`,
    "no body": `${HEAD}\r\n`,
    "10 MB": `${HEAD}\r\n${"A line  of a long message. \r\n".repeat(375_000)}`,
    "no Date and no Message-ID": "From: app@sender.test\r\n\r\nHello\r\n",
  };
  for (const [what, data] of Object.entries(messages)) {
    await t.test(what, async () => {
      const id = await relay.submit("user@good-enforce.test", data, "bounces@elsewhere.test");
      await relay.logged("delivered", { message: id });
      const message = host.messages.at(-1);
      assert.ok(message);
      const verified = await verify(message.data, recordsOf(keys));
      assert.deepEqual(
        verified.map(({ result, selector }) => `${selector} ${result}`),
        ["r pass", "e pass"],
      );
    });
  }
  const other = await relay.submit("user@good-enforce.test", "From: a@other.test\r\n\r\nHello\r\n");
  await relay.logged("delivered", { message: other });
  assert.deepEqual(
    (await verify(host.messages.at(-1)?.data ?? Buffer.of(), {})).map(({ result }) => result),
    ["none"],
  );
});

test("a key that cannot be read stops the start, with its name and what is wrong", async () => {
  await using dir = await makeTempDir();
  const { file } = await keyIn(dir.path, "rsa", "r");
  await writeFile(file, "no key");
  const dkim = [{ domain: "sender.test", selector: "r", keyFile: file }];
  await assert.rejects(startTestRelay(undefined, { dkim }), /r\.pem holds no private key/);
});

async function keyIn(dir: string, type: "rsa" | "ed25519", selector: string): Promise<DkimKey & { file: string }> {
  const pem = generateDkimKey(type);
  const file = join(dir, `${selector}.pem`);
  await writeFile(file, pem, { mode: 0o600 });
  const read = readDkimKey(pem);
  assert.ok("privateKey" in read);
  return { domain: "sender.test", selector, file, ...read };
}
