import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readConfig } from "../../src/config/load.ts";
import { settingName } from "../../src/config/problem.ts";
import { generateDkimKey } from "../../src/dkim/key.ts";
import type { AcceptedMessage } from "../../src/mail/envelope.ts";
import { dkimProblems, openSigner, signingQueue } from "../../src/relay/dkim-keys.ts";
import { createMailQueue } from "../../src/store/mail-queue.ts";
import { connect } from "../../src/store/connection.ts";
import { startTestRedis } from "../support/redis.ts";
import { makeTempDir } from "../support/temp-dir.ts";

async function problemsOf(settings: object, dir: string): Promise<string[]> {
  const file = join(dir, "relay.yaml");
  await writeFile(file, JSON.stringify(settings));
  const { config, problems } = readConfig({ file, env: {}, cwd: dir });
  const all = [...problems, ...(await dkimProblems(config))];
  return all.map(({ path, what }) => `${settingName(path)}: ${what.replace(`${dir}/`, "")}`);
}

test("every key that settings name is looked at before the start, and all that is wrong is said at once", async () => {
  await using dir = await makeTempDir();
  const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  await writeFile(join(dir.path, "good.pem"), generateDkimKey("rsa"));
  await writeFile(join(dir.path, "short.pem"), short.export({ type: "pkcs8", format: "pem" }));
  await writeFile(join(dir.path, "text.pem"), "hello");
  const key = (keyFile: string, selector: string, domain = "example.com") => ({ domain, selector, keyFile });
  const reports = {
    organization: "x",
    contact: "y",
    from: "a@example.com",
    dkim: { selector: "s", keyFile: "text.pem" },
  };

  assert.deepEqual(await problemsOf({ dkim: [key("good.pem", "a"), key("good.pem", "b")] }, dir.path), []);
  assert.deepEqual(
    await problemsOf(
      {
        dkim: [key("short.pem", "a"), key("good.pem", "b"), key("good.pem", "b"), key("none.pem", "c")],
        tlsReports: reports,
      },
      dir.path,
    ),
    [
      "dkim[0].keyFile: short.pem holds an RSA key of 1024 bits; 2048 is the least",
      "dkim[3].keyFile: none.pem does not exist",
      "tlsReports.dkim.keyFile: text.pem holds no private key in PEM form",
      "dkim[2].selector: b._domainkey.example.com is in the list twice",
    ],
  );
  const wrong = await problemsOf(
    {
      dkim: [key("good.pem", "a b"), key("good.pem", "a", "not a domain")],
      tlsReports: { ...reports, from: "nobody", dkim: { selector: "s" } },
    },
    dir.path,
  );
  assert.deepEqual(
    wrong.map((line) => line.split(":")[0]),
    ["dkim[0].selector", "dkim[1].domain", "tlsReports.from", "tlsReports.dkim.keyFile"],
  );
});

test("reports are off until all of their settings are there", async () => {
  await using dir = await makeTempDir();
  const missing = await problemsOf({ tlsReports: { organization: "x", contact: "y" } }, dir.path);
  assert.deepEqual(
    missing.map((line) => line.split(":")[0]),
    ["tlsReports.from", "tlsReports.dkim"],
  );
});

test("what cannot be signed does not enter the queue, mail or bounce", async () => {
  await using dir = await makeTempDir();
  await using redis = await startTestRedis();
  const connection = await connect({ target: redis, onState: () => undefined });
  const plain = createMailQueue({ connection });
  try {
    const keyFile = join(dir.path, "key.pem");
    await writeFile(keyFile, generateDkimKey("ed25519"));
    const sign = await openSigner({ dkim: [{ domain: "example.com", selector: "s", keyFile }] });
    const queue = signingQueue(plain, sign);
    const tooLong = Buffer.from(`From: a@example.com\r\nX: ${"x".repeat(300_000)}\r\n\r\n`);
    const message = messageOf(tooLong);
    await assert.rejects(queue.add(message, { lifetimeMs: 1000 }), /too long to be signed/);
    const cause = { message: "m", domain: "example.com" } as never;
    await assert.rejects(queue.addBounce(message, 1000, cause), /too long to be signed/);
    assert.equal((await plain.counts()).waiting, 0);
    await queue.add(messageOf(Buffer.from("From: a@example.com\r\n\r\n")), { lifetimeMs: 1000 });
    const stored = await connection.redis.hget("{relay}:body:m1", "data");
    assert.match(stored ?? "", /^DKIM-Signature: v=1; a=ed25519-sha256/);
  } finally {
    await plain.close();
    await connection.close();
  }
});

function messageOf(data: Buffer): AcceptedMessage {
  const envelope = { from: "a@example.com", to: ["b@example.org"], smtputf8: false, eightBit: false };
  return { id: "m1", envelope, data, acceptedAt: Date.now() };
}
