/**
 * The whole relay in this process, as the lab's neighbour: settings as a file,
 * a Redis of its own, every log line kept.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { loadConfig } from "../../src/config/load.ts";
import type { Lab } from "../../src/lab/lab.ts";
import { submitMessage } from "../../src/lab/submit.ts";
import { createEvents } from "../../src/observe/events.ts";
import { createLog } from "../../src/observe/log.ts";
import { watchOutcomes, type SettledOutcome } from "../../src/relay/outcomes.ts";
import { type Relay, startRelay } from "../../src/relay/relay.ts";

type Json = string | number | boolean | Json[] | { [key: string]: Json };
export type SettingsTree = { [key: string]: Json };

export type LogLine = { event?: string; [key: string]: unknown };

export type TestRelay = AsyncDisposable & {
  relay: Relay;
  /** Of the first listener. */
  port: number;
  /** Where settings and Redis are; kept over `restart`. */
  dir: string;
  log: LogLine[];
  /** Sends a message and gives its queue id. Throws when it is refused. */
  submit(to: string | string[], text?: string, from?: string): Promise<string>;
  /** What an attempt made of it. */
  settled: (id: string, domain: string) => Promise<SettledOutcome>;
  /** Both in one. */
  send(to: string, text?: string): Promise<SettledOutcome>;
  /** Stops the relay and starts it again on the same data, with settings changed. */
  restart(change?: SettingsTree): Promise<void>;
  /** Has the running relay read its settings again, changed. */
  reload(change: SettingsTree): Promise<void>;
  /** Resolves with the first line of this event that has these properties, written already or later. */
  logged(event: string, having?: Partial<LogLine>): Promise<LogLine>;
};

/** @param change settings over those that the lab needs */
export async function startTestRelay(lab: Lab | undefined, change: SettingsTree = {}): Promise<TestRelay> {
  const dir = await mkdtemp(join(tmpdir(), "sts-relay-"));
  const log: LogLine[] = [];
  const listeners = new Set<() => void>();
  let settings = merge(await labSettings(lab, dir), change);
  let running = await start();

  async function readSettings() {
    const file = join(dir, "relay.yaml");
    // JSON is YAML.
    await writeFile(file, JSON.stringify(settings));
    return loadConfig({ file, env: {}, cwd: dir }).config;
  }

  async function start() {
    const config = await readSettings();
    const destination = new Writable({
      write(chunk: Buffer, _encoding, done) {
        log.push(JSON.parse(chunk.toString()) as LogLine);
        for (const listener of listeners) listener();
        done();
      },
    });
    const watch = watchOutcomes(createEvents(createLog({ ...config.log, destination })));
    const relay = await startRelay(config, { log: createLog({ ...config.log, destination }), events: watch.events });
    return { relay, watch };
  }

  const test: TestRelay = {
    get relay() {
      return running.relay;
    },
    get port() {
      return running.relay.addresses[0]?.port ?? 0;
    },
    dir,
    log,
    async submit(to, text = "Subject: test\r\n\r\nHello\r\n", from = "app@sender.test") {
      const sent = await submitMessage({ host: "127.0.0.1", port: test.port }, { from, to: [to].flat(), data: text });
      if (sent.kind === "refused") throw new Error(sent.reply);
      return sent.id;
    },
    settled: (id, domain) => running.watch.settled(id, domain, 20_000),
    async send(to, text) {
      return test.settled(await test.submit(to, text), to.slice(to.lastIndexOf("@") + 1));
    },
    async reload(more) {
      settings = merge(settings, more);
      await running.relay.reload(await readSettings());
    },
    async restart(more = {}) {
      await running.relay.stop();
      settings = merge(settings, more);
      running = await start();
    },
    logged(event, having = {}) {
      const wanted = Object.entries({ event, ...having });
      const find = () => log.find((line) => wanted.every(([key, value]) => line[key] === value));
      return new Promise((resolve) => {
        const look = () => {
          const line = find();
          if (line === undefined) return;
          listeners.delete(look);
          resolve(line);
        };
        listeners.add(look);
        look();
      });
    },
    async [Symbol.asyncDispose]() {
      await running.relay.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return test;
}

async function labSettings(lab: Lab | undefined, dir: string): Promise<SettingsTree> {
  const common = {
    hostname: "relay.test",
    submission: { listeners: [{ host: "127.0.0.1", port: 0 }] },
    admin: { enabled: false },
    redis: { dir: join(dir, "redis"), maxMemory: "256MiB" },
    shutdown: { grace: "2s" },
    log: { level: "debug", format: "json" },
  };
  if (lab === undefined) return common;
  await writeFile(join(dir, "ca.pem"), lab.settings.caPem);
  return {
    ...common,
    delivery: { port: lab.settings.deliveryPort, connectTimeout: "5s", sessionIdle: "2s" },
    mtaSts: { policyPort: lab.settings.policyPort, fetchTimeout: "1s" },
    dns: { servers: lab.settings.dnsServers, timeout: "300ms", tries: 2 },
    tls: { caFile: join(dir, "ca.pem") },
    network: { allow: lab.settings.allow },
  };
}

function merge(base: SettingsTree, change: SettingsTree): SettingsTree {
  const merged = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const before = merged[key];
    merged[key] = isTree(before) && isTree(value) ? merge(before, value) : value;
  }
  return merged;
}

const isTree = (value: Json | undefined): value is SettingsTree =>
  typeof value === "object" && value !== null && !Array.isArray(value);
