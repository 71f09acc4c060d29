/** A relay of several processes: it shares the work, outlives each of its processes, and ends as one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { createRelayProcess, type RelayProcess, tryToKill } from "../../scripts/lib/relay-process.ts";
import { startSink, type Sink } from "../../scripts/lib/sink.ts";
import { createSubmitter, handUntilTaken } from "../../scripts/lib/submitter.ts";
import { LAUNCHER, plainEnvironment, stsRelay } from "../cli/run.ts";
import { directory } from "../config/read.ts";
import { until } from "../store/support.ts";

const DOMAINS = ["fast-1.test", "fast-2.test", "slow-1.test", "mute-1.test"];

type House = { relay: RelayProcess; sink: Sink };

async function setUp(t: TestContext, grace = "5s"): Promise<House> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const dir = await mkdtemp(join(tmpdir(), "sts-relay-processes-"));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const sink = await startSink();
  stack.defer(() => sink.close());
  const change = { shutdown: { grace }, admin: { port: 0 } };
  const relay = await createRelayProcess(
    { dir, sink, domains: DOMAINS, change, logLevel: "info", work: { processes: 2 } },
    stack,
  );
  relay.start();
  await until(() => count(relay, "started") === 1, "it is ready");
  return { relay, sink };
}

const lines = (relay: RelayProcess, event: string) => relay.log().filter((line) => line.event === event);
const count = (relay: RelayProcess, event: string) => lines(relay, event).length;

/** One connection for each message. */
async function hand(relay: RelayProcess, number: number, domain: string): Promise<string> {
  const submitter = createSubmitter(relay.port);
  const to = [`user${number}@${domain}`];
  await handUntilTaken(submitter, { number, to, text: "Subject: processes\r\n\r\nhello" }, AbortSignal.timeout(20_000));
  submitter.close();
  return to[0] ?? "";
}

async function ask(relay: RelayProcess, path: string): Promise<string> {
  const url = String(lines(relay, "admin-open")[0]?.["url"]);
  const response = await fetch(new URL(path, url));
  return response.text();
}

const valueOf = (metrics: string, series: string) =>
  Number(
    metrics
      .split("\n")
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length),
  );

const isAlive = (pid: number) => tryToKill(pid, 0 as never);

test("mail of many clients is spread over the processes, arrives once, and is counted as a sum", async (t) => {
  const { relay, sink } = await setUp(t);
  const sent = await Promise.all(Array.from({ length: 60 }, (_, i) => hand(relay, i, `fast-${(i % 2) + 1}.test`)));
  await until(() => sent.every((recipient) => sink.byRecipient.has(recipient)), "all has arrived");
  const shares = Map.groupBy(lines(relay, "accepted"), (line) => line["process"]);
  assert.deepEqual(new Set(shares.keys()), new Set([1, 2]), "both have taken some");
  await until(() => count(relay, "delivered") === 60, "all is noted");
  const deliveries = Map.groupBy(lines(relay, "delivered"), (line) => line["process"]);
  assert.deepEqual(new Set(deliveries.keys()), new Set([1, 2]), "both have delivered some");
  assert.equal(sink.copies.length, 60);

  const metrics = await ask(relay, "/metrics");
  assert.equal(valueOf(metrics, "sts_relay_messages_accepted_total"), 60);
  assert.equal(valueOf(metrics, 'sts_relay_deliveries_total{result="delivered"}'), 60);
  assert.equal(valueOf(metrics, "sts_relay_accept_duration_seconds_count"), 60);
  assert.equal(valueOf(metrics, "sts_relay_redis_up"), 1, "what is one for all is not added up");
  assert.equal(valueOf(metrics, "sts_relay_workers"), 2);
  assert.match(metrics, /^sts_relay_build_info\{.*\} 1$/m);
  assert.equal(await relay.kill("SIGTERM"), 0);
});

test("a process that is killed is replaced, its mail is taken over at once, and what it has counted stays", async (t) => {
  const { relay, sink } = await setUp(t);
  const accepted = await Promise.all(Array.from({ length: 20 }, (_, i) => hand(relay, i, "mute-1.test")));
  await until(() => sink.messagesSeen() >= 10, "both have mail in hand");
  assert.equal(valueOf(await ask(relay, "/metrics"), "sts_relay_messages_accepted_total"), accepted.length);
  const [first = 0, other = 0] = relay.helpers();
  const seen = sink.messagesSeen();
  const killedAt = Date.now();
  assert.ok(tryToKill(first));
  await until(() => count(relay, "jobs-taken-over") > 0, "another has its mail");
  await until(() => sink.messagesSeen() > seen, "it is sent again");
  t.diagnostic(`its mail was in other hands after ${Date.now() - killedAt} ms`);
  await until(() => count(relay, "process-started") === 3, "it is replaced");
  assert.equal(count(relay, "process-ended"), 1);
  assert.ok(relay.helpers().includes(other) && relay.helpers().length === 2);
  const metrics = await ask(relay, "/metrics");
  assert.equal(valueOf(metrics, "sts_relay_messages_accepted_total"), accepted.length);
  assert.equal(valueOf(metrics, "sts_relay_processes_ended_total"), 1);
  const report = JSON.parse(await ask(relay, "/readyz")) as { checks: Record<string, { ok: boolean }> };
  assert.equal(report.checks["processes"]?.ok, true);
});

test("SIGTERM to the main process drains all, also where each process hears it as well", async (t) => {
  const { relay, sink } = await setUp(t);
  const numbers = Array.from({ length: 20 }, (_, i) => i);
  const sent = await Promise.all(numbers.map((i) => hand(relay, i, "slow-1.test")));
  await until(() => sink.copies.length > 0, "deliveries are under way");
  const processes = relay.helpers();
  const ended = relay.kill("SIGTERM");
  for (const pid of processes) {
    tryToKill(pid, "SIGTERM");
    tryToKill(pid, "SIGINT");
  }
  assert.equal(await ended, 0);
  assert.deepEqual(processes.filter(isAlive), []);
  assert.equal(count(relay, "process-ended"), 0);
  assert.equal(count(relay, "stopped"), 1);
  relay.start();
  await until(() => sent.every((recipient) => sink.byRecipient.has(recipient)), "the rest has arrived");
  assert.equal(sink.copies.length, sent.length, "nothing came twice");
});

test("a second signal ends all at once", async (t) => {
  const { relay, sink } = await setUp(t, "1h");
  await hand(relay, 1, "mute-1.test");
  await until(() => sink.messagesSeen() === 1, "the host has the message and says nothing");
  const processes = relay.helpers();
  const ended = relay.kill("SIGTERM");
  await until(() => count(relay, "stopping") === 1, "it drains");
  await relay.kill("SIGTERM");
  assert.equal(await ended, 128 + 15);
  await until(() => !processes.some(isAlive), "no process is left");
});

test("with the main process killed the others end in good order", async (t) => {
  const { relay, sink } = await setUp(t);
  const sent = await Promise.all(Array.from({ length: 10 }, (_, i) => hand(relay, i, "slow-1.test")));
  const processes = relay.helpers();
  assert.equal(processes.length, 2);
  await relay.kill("SIGKILL");
  await until(() => !processes.some(isAlive), "no process is left");
  relay.start();
  await until(() => count(relay, "started") === 2, "it is ready again");
  await until(() => sent.every((recipient) => sink.byRecipient.has(recipient)), "all arrives");
  assert.equal(sink.copies.length, sent.length, "and nothing twice: deliveries under way came to their end");
  assert.equal(await relay.kill("SIGTERM"), 0);
});

test("another relay on the same port is refused", async (t) => {
  const { relay } = await setUp(t);
  for (const processes of ["1", "2"]) {
    const dir = directory(t, {});
    const env = plainEnvironment({ RELAY_SUBMISSION__LISTENERS: `[{ port: ${relay.port} }]`, RELAY_ADMIN__PORT: "0" });
    const { code, stderr } = await stsRelay(["start", "--processes", processes], { cwd: dir, env });
    assert.equal(code, 69, processes);
    assert.match(stderr, /cannot listen on 127\.0\.0\.1:\d+: EADDRINUSE: another program has it/);
  }
  assert.equal(await relay.kill("SIGTERM"), 0);
});

test("where the system chooses the port it is one for all processes, and for those that come later", async (t) => {
  const env = plainEnvironment({
    RELAY_SUBMISSION__LISTENERS: "[{ port: 0 }]",
    RELAY_DNS__SERVERS: "127.0.0.1:1",
    RELAY_ADMIN__ENABLED: "false",
  });
  const cwd = directory(t, {});
  const args = [LAUNCHER, "start", "--processes", "2"];
  const child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const log: { event?: string; pid?: number; listeners?: string[] }[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => log.push(JSON.parse(line) as (typeof log)[number]));
  const pids = () => log.filter(({ event }) => event === "process-started").map(({ pid }) => pid);
  await until(() => log.some(({ event }) => event === "started"), "it is ready");
  const [, port] = /:(\d+) /.exec(log.find(({ event }) => event === "started")?.listeners?.[0] ?? "") ?? [];
  tryToKill(pids()[0]);
  await until(() => pids().length === 3, "the first is replaced");
  tryToKill(pids()[1]);
  const socket = connect(Number(port), "127.0.0.1");
  const [greeting] = (await once(socket, "data")) as [Buffer];
  assert.match(String(greeting), /^220 /);
  socket.destroy();
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

test("SIGHUP reaches all processes", async (t) => {
  const { relay } = await setUp(t);
  const pid = relay.pid();
  assert.ok(pid !== undefined && tryToKill(pid, "SIGHUP"));
  await until(() => count(relay, "configuration-applied") === 1, "the configuration is read again, told once");
  assert.equal(relay.helpers().length, 2);
  assert.equal(await relay.kill("SIGTERM"), 0);
});
