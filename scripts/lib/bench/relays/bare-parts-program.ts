/**
 * `node bare-parts-program.ts DIR PORT DNS CA tls|plain`: the parts of this relay with nothing
 * around them but what moves a message. smtp-server takes it, BullMQ queues it in a Redis that has it
 * on disk before the 250, nodemailer delivers it over kept sessions, verified where `tls` is asked for.
 *
 * No policies, no rules of mail, no fairness, no history, no log, no answer to anything that goes wrong:
 * a relay of these parts is measured by what they do by themselves.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { promises as dns } from "node:dns";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { createSecureContext } from "node:tls";
import { type IRedisTransaction, Job, Queue, Worker } from "bullmq";
import { type ChainableCommander, Redis } from "ioredis";
import MailConnection from "nodemailer/lib/smtp-connection";
import { SMTPServer } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { spawnServer } from "../../../../src/store/server-process.ts";

type Mail = { id: string; from: string; to: string[]; domain: string };

const [dir = "", port = "", dnsServer = "", caFile = "", mode = ""] = process.argv.slice(2);
const prefix = "{parts}";
const socketPath = join(dir, "redis.sock");

/** As many deliveries at a time as the relay has by default. */
const CONCURRENCY = 50;
const REDIS_LIMIT_MS = 20_000;

const settings = { port: 0, unixsocket: socketPath, dir, appendonly: "yes", appendfsync: "always", save: "" };
const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
const server = spawnServer({ path: "redis-server", flags, dir, socketPath }, () => undefined);
// It ends with this process.
process.on("SIGTERM", () => process.exit());
await server.ready(REDIS_LIMIT_MS);

const connection = () => new Redis({ path: socketPath, maxRetriesPerRequest: null });
const taking = connection();
const giving = connection();
await Promise.all([once(taking, "ready"), once(giving, "ready")]);
const queue = new Queue<Mail>("delivery", { connection: taking, prefix, skipWaitingForReady: true });
const client = await queue.backend.client;
const bodyKey = (id: string) => `${prefix}:body:${id}`;

async function enqueue(mail: Mail, text: Buffer): Promise<void> {
  const jobId = `j${mail.id}`;
  const job = new Job<Mail>(queue, "mail", mail, { jobId, attempts: 1e6, removeOnComplete: true });
  // Text and job with one wait for the disk. The promise of the job alone tells what that of `exec` tells.
  const both = client.multi() as IRedisTransaction & Pick<ChainableCommander, "set">;
  both.set(bodyKey(mail.id), text);
  queue.backend.addJobToTransaction(both, job.asJSON(), jobId, {}).catch(() => undefined);
  for (const [error] of (await both.exec()) ?? []) if (error !== null) throw error;
}

async function readAll(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  stream.on("data", (piece: Buffer) => pieces.push(piece));
  await once(stream, "end");
  return Buffer.concat(pieces);
}

// Upstream waits 100 ms here for clients that talk first, which no relay that is to be fast can do.
SMTPConnection.prototype.init = function init() {
  this._setListeners(() => this.connectionReady());
};
new SMTPServer({
  disabledCommands: ["AUTH", "STARTTLS"],
  authOptional: true,
  disableReverseLookup: true,
  onData(stream, { envelope }, callback) {
    const take = async () => {
      const text = await readAll(stream);
      const to = envelope.rcptTo.map(({ address }) => address);
      const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
      await enqueue({ id: randomBytes(9).toString("hex"), from, to, domain: to[0]?.split("@")[1] ?? "" }, text);
    };
    take().then(() => callback(null), callback);
  },
}).listen(Number(port), "127.0.0.1");

const resolver = new dns.Resolver();
resolver.setServers([dnsServer]);
const secureContext = createSecureContext({ ca: [readFileSync(caFile)], minVersion: "TLSv1.2" });
const routes = new Map<string, Promise<{ host: string; address: string }>>();
const idle = new Map<string, MailConnection[]>();

function routeTo(domain: string): Promise<{ host: string; address: string }> {
  const known = routes.get(domain);
  if (known !== undefined) return known;
  const ask = async () => {
    const host = (await resolver.resolveMx(domain))[0]?.exchange ?? domain;
    return { host, address: (await resolver.resolve4(host))[0] ?? "" };
  };
  const asked = ask();
  routes.set(domain, asked);
  return asked;
}

async function sessionWith(domain: string): Promise<MailConnection> {
  for (let kept = idle.get(domain)?.pop(); kept !== undefined; kept = idle.get(domain)?.pop()) {
    if (!kept.destroyed) return kept;
  }
  const { host, address } = await routeTo(domain);
  const tls = mode === "tls" ? { requireTLS: true, tls: { secureContext, servername: host } } : { ignoreTLS: true };
  const session = new MailConnection({ host: address, port: 25, name: "relay.test", servername: host, ...tls });
  await new Promise<void>((resolve, reject) => {
    session.once("error", reject);
    session.connect(() => resolve());
  });
  return session;
}

const worker = new Worker<Mail>(
  "delivery",
  async ({ data: { id, from, to, domain } }) => {
    const text = await giving.getBuffer(bodyKey(id));
    if (text === null) throw new Error(`the text of ${id} is gone`);
    const session = await sessionWith(domain);
    await new Promise<void>((resolve, reject) => {
      session.send({ from, to, size: text.length }, text, (error) => (error === null ? resolve() : reject(error)));
    });
    const others = idle.get(domain) ?? [];
    idle.set(domain, others);
    others.push(session);
  },
  { connection: giving, prefix, concurrency: CONCURRENCY, lockDuration: 600_000 },
);
worker.on("completed", ({ data }) => void giving.del(bodyKey(data.id)));
worker.on("failed", (_, error) => process.stderr.write(`${error.message}\n`));
worker.on("error", (error) => process.stderr.write(`${error.message}\n`));
