/** Mail programs of others as the relay's clients: each way in, and what comes out at the other end. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTransport } from "nodemailer";
import { type Lab, startLab } from "../../src/lab/lab.ts";
import { hashPassword } from "../../src/submission/password-hash.ts";
import { awkwardMessage } from "../support/awkward-message.ts";
import {
  type Client,
  curlClient,
  type Handover,
  nodemailerClient,
  smtplibClient,
  swaksClient,
  type Way,
  wayName,
} from "../support/real-clients.ts";
import { skipWithout } from "../support/real-programs.ts";
import { startTestRelay, type TestRelay } from "../support/relay.ts";
import { makeTempDir, type TempDir } from "../support/temp-dir.ts";

const CLIENTS: Client[] = [swaksClient, smtplibClient, curlClient, nodemailerClient];

/** RFC 3207, RFC 8314, RFC 4954. */
const WAYS: Way[] = [
  { tls: "none" },
  { tls: "starttls" },
  { tls: "starttls", auth: "PLAIN" },
  { tls: "starttls", auth: "LOGIN" },
  { tls: "implicit" },
  { tls: "implicit", auth: "PLAIN" },
  { tls: "implicit", auth: "LOGIN" },
];

/** The clients verify this name: they ask the system for its address. */
const HOST = "localhost";
const DOMAIN = "good-enforce.test";
const USER = "app";
const PASSWORD = 'correct: "horse" + 100 %';

test("what real clients hand in arrives over verified TLS, with nothing changed but the trace (RFC 5321 section 4.4)", async (t) => {
  await using lab = await startLab({ only: [DOMAIN] });
  await using dir = await makeTempDir();
  await using relay = await startSubmissionRelay(lab, dir);
  for (const client of CLIENTS) {
    const missing = await client.missing();
    for (const way of WAYS) {
      await t.test(`${client.name}, ${wayName(way)}`, async (t) => {
        if (skipWithout(t, missing)) return;
        await handIn(
          client,
          { ...handover(relay, dir, way), from: `${nameOf(client, way)}@sender.test` },
          { lab, relay },
        );
      });
    }
  }
});

test("no real client hands anything to a relay whose certificate it does not trust", async (t) => {
  await using lab = await startLab({ only: [DOMAIN] });
  await using dir = await makeTempDir();
  await using relay = await startSubmissionRelay(lab, dir);
  const caFile = join(dir.path, "other-ca.pem");
  await writeFile(caFile, lab.otherAuthority.caPem);
  for (const client of CLIENTS) {
    const missing = await client.missing();
    for (const tls of ["starttls", "implicit"] as const) {
      await t.test(`${client.name}, ${wayName({ tls })}`, async (t) => {
        if (skipWithout(t, missing)) return;
        await assert.rejects(
          client.send({ ...handover(relay, dir, { tls, auth: "PLAIN" }), caFile }),
          /certificate|verif/i,
        );
        assert.ok(!relay.log.some(({ event }) => event === "accepted"));
      });
    }
  }
});

test("nodemailer composes and pools: each of thirty messages over three connections arrives once", async () => {
  await using lab = await startLab({ only: [DOMAIN] });
  await using dir = await makeTempDir();
  await using relay = await startSubmissionRelay(lab, dir);
  const { host, port, caFile, user, password } = handover(relay, dir, { tls: "starttls" });
  const transport = createTransport({
    host,
    port,
    requireTLS: true,
    tls: { ca: await readFile(caFile) },
    auth: { user, pass: password },
    pool: true,
    maxConnections: 3,
  });
  const subjects = Array.from({ length: 30 }, (_, i) => `n-${i}`);
  const from = "Jörg <app@sender.test>";
  const to = `Änne <user@${DOMAIN}>`;
  const attachments = [
    { filename: "grüße.bin", content: Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 256)) },
  ];
  await Promise.all(
    subjects.map((subject) =>
      transport.sendMail({ from, to, subject, text: "Grüße", html: "<p>Grüße</p>", attachments }),
    ),
  );
  transport.close();

  const mx = lab.mx(`mx.${DOMAIN}`);
  await mx.until(({ messages }) => messages.length >= subjects.length);
  const arrived = mx.messages.map(({ data }) => /^Subject: (.*)\r$/m.exec(data.toString())?.[1]);
  assert.equal(arrived.length, subjects.length);
  assert.deepEqual(new Set(arrived), new Set(subjects));
  assert.ok(mx.messages.every(({ tls }) => tls !== undefined));
});

async function handIn(client: Client, handover: Handover, { lab, relay }: { lab: Lab; relay: TestRelay }) {
  await client.send(handover);
  const accepted = await relay.logged("accepted", { from: handover.from });
  assert.equal(accepted["protocol"], protocolOf(handover));
  assert.equal(accepted["user"], handover.auth === undefined ? undefined : USER);

  const outcome = await relay.settled(String(accepted["message"]), DOMAIN);
  assert.deepEqual([outcome.outcome, outcome.tls], ["delivered", "verified"], outcome.reason);
  const arrived = lab.mx(`mx.${DOMAIN}`).messages.find(({ from }) => from === handover.from);
  assert.ok(arrived);
  assert.equal(arrived.tls, "TLSv1.3");
  const sent = await readFile(handover.messageFile);
  const traceBytes = arrived.data.length - sent.length;
  assert.match(arrived.data.toString("latin1", 0, traceBytes), /^Received: from .*\r\n(?:\t.*\r\n)*$/);
  assert.ok(arrived.data.subarray(traceBytes).equals(sent), arrived.data.toString("latin1"));
}

/** RFC 3848. */
function protocolOf({ tls, auth }: Way): string {
  return `ESMTP${tls === "none" ? "" : "S"}${auth === undefined ? "" : "A"}`;
}

function handover(relay: TestRelay, dir: TempDir, way: Way): Handover {
  const kind = way.tls === "implicit" ? "implicit" : "starttls";
  const listener = relay.relay.addresses.find(({ tls }) => tls === kind);
  assert.ok(listener);
  return {
    ...way,
    host: HOST,
    port: listener.port,
    user: USER,
    password: PASSWORD,
    caFile: join(relay.dir, "ca.pem"),
    from: "app@sender.test",
    to: `user@${DOMAIN}`,
    messageFile: join(dir.path, "message.eml"),
  };
}

/** Takes mail by STARTTLS and by implicit TLS, with a certificate for `HOST`. */
async function startSubmissionRelay(lab: Lab, { path }: TempDir): Promise<TestRelay> {
  const { certPem, keyPem } = await lab.authority.issue({ names: [HOST] });
  const certificate = { certFile: join(path, "cert.pem"), keyFile: join(path, "key.pem") };
  await Promise.all([
    writeFile(certificate.certFile, certPem),
    writeFile(certificate.keyFile, keyPem),
    writeFile(join(path, "message.eml"), awkwardMessage("iso-8859-1")),
  ]);
  const listeners = ["starttls", "implicit"].map((tls) => ({ host: "127.0.0.1", port: 0, tls }));
  const users = [{ name: USER, passwordHash: await hashPassword(PASSWORD) }];
  return startTestRelay(lab, { submission: { listeners, certificate, users } });
}

const nameOf = (client: Client, way: Way) => `${client.name} ${wayName(way)}`.replaceAll(/\W+/g, "-").toLowerCase();
