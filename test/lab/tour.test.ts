import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import type { TourOutcome } from "../../src/lab/lab-domain.ts";
import { listenOn } from "../../src/lab/loopback-server.ts";
import { startMxHost } from "../../src/lab/mx-host.ts";
import { submitMessage } from "../../src/lab/submit.ts";
import { runTour } from "../../src/lab/tour.ts";
import { deliver } from "./support/deliver.ts";

const intakeAt = (message: `250 ${string}`, rcpt?: `550 ${string}`) =>
  startMxHost({ host: "127.0.0.1", port: 0, name: "relay.test", behaviour: { message, rcpt: () => rcpt } });

test("a tour sends real messages and believes the hosts, not the relay: one that sends in clear and calls it deferred is found out", async () => {
  const only = ["good-enforce.test", "no-tls.test", "no-policy-no-tls.test", "enforce-to-none.test", "null-mx.test"];
  await using lab = await startLab({ only });
  await using intake = await intakeAt("250 2.0.0 queued as q1");
  // A relay that always sends, and says what each domain would have liked to hear.
  const settled = async (id: string, domain: string): Promise<TourOutcome> => {
    assert.equal(id, "q1");
    if (domain === "null-mx.test") return { outcome: "failed", tls: "none", violation: false, reason: "null MX" };
    const [host] = lab.hostsOf(domain);
    const data = intake.messages.findLast(({ to }) => to[0] === `user@${domain}`)?.data.toString() ?? "";
    await deliver({
      host: host?.address ?? "",
      port: host?.port ?? 0,
      servername: host?.name ?? "",
      ca: lab.settings.caPem,
      data,
    });
    const waits = domain === "no-tls.test";
    const tls = host?.messages.at(-1)?.tls === undefined ? "clear" : "verified";
    return {
      outcome: waits ? "deferred" : "delivered",
      tls: waits ? "none" : tls,
      violation: false,
      reason: "STARTTLS",
    };
  };
  const seen: string[] = [];
  const onRow = ({ domain }: { domain: string }) => void seen.push(domain);
  const rows = await runTour({ lab, smtp: { host: intake.address, port: intake.port }, settled, onRow });
  assert.deepEqual(
    rows.map(({ domain, outcome, ok }) => [domain, outcome, ok]),
    [
      ["good-enforce.test", "delivered, verified TLS", true],
      ["no-tls.test", "deferred, nothing sent", false],
      ["no-policy-no-tls.test", "delivered, in clear", true],
      ["enforce-to-none.test", "delivered, verified TLS", true],
      ["enforce-to-none.test", "delivered, in clear", true],
      ["null-mx.test", "failed, nothing sent", true],
    ],
  );
  assert.match(rows[1]?.problem ?? "", /arrived all the same; .*mx\.no-tls\.test learnt \d+ bytes/);
  assert.deepEqual(new Set(seen), new Set(only));
});

test("a relay that refuses, that never settles, or that is not there makes rows that say so", async () => {
  await using lab = await startLab({ only: ["good-enforce.test"] });
  const visit = async (port: number) => {
    const [row] = await runTour({
      lab,
      smtp: { host: "127.0.0.1", port },
      settled: () => new Promise(() => undefined),
      timeoutMs: 200,
    });
    assert.equal(row?.ok, false);
    return row?.problem ?? "";
  };
  const refusing = await intakeAt("250 ok", "550 5.7.1 not for you");
  assert.match(await visit(refusing.port), /refused the message: 550 5\.7\.1 not for you/);
  await refusing.close();
  assert.match(await visit(refusing.port), /ECONNREFUSED/);
  await using silent = await intakeAt("250 2.0.0 queued as q2");
  assert.match(await visit(silent.port), /nothing became of the message within 0\.2 s/);
});

test("an aborted tour ends", async () => {
  await using lab = await startLab({ only: ["good-enforce.test"] });
  const settled = () => Promise.reject(new Error("never asked"));
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(runTour({ lab, smtp: { host: "127.0.0.1", port: 1 }, settled, signal }), /enough/);
});

test("a message is submitted with its dots stuffed, and its queue id read from the reply", async () => {
  await using intake = await intakeAt("250 2.0.0 queued as 01jabc");
  const message = { from: "a@lab.test", to: ["b@lab.test", "c@lab.test"], data: "Subject: x\r\n\r\n.\r\n..y\r\n" };
  const at = { host: intake.address, port: intake.port };
  assert.deepEqual(await submitMessage(at, message), { kind: "queued", id: "01jabc" });
  assert.equal(intake.messages[0]?.data.toString(), message.data);
  assert.deepEqual(intake.messages[0]?.to, message.to);
  intake.behave({ message: "250 2.0.0 thanks" });
  await assert.rejects(submitMessage(at, message), /names no queue id: 250 2\.0\.0 thanks/);
  intake.behave({ greeting: "554 5.3.2 closed" });
  assert.deepEqual(await submitMessage(at, message), { kind: "refused", reply: "554 5.3.2 closed" });
  intake.behave({ greeting: "never" });
  await assert.rejects(submitMessage(at, message, 50), /silent for 50 ms/);

  const rude = await listenOn(
    createServer((socket) => socket.end()),
    { host: "127.0.0.1", port: 0 },
  );
  await assert.rejects(submitMessage({ host: rude.address, port: rude.port }, message), /closed the connection/);
  await rude.close();
});
