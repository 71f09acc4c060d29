/** A day of mail to domains that ask for TLS reports, and the reports they get. RFC 8460. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { loadConfig } from "../../src/config/load.ts";
import { type DkimKey, generateDkimKey, readDkimKey } from "../../src/dkim/key.ts";
import { type Lab, startLab } from "../../src/lab/lab.ts";
import { createEvents } from "../../src/observe/events.ts";
import { createLog } from "../../src/observe/log.ts";
import { createNetwork } from "../../src/relay/protocols.ts";
import { openTlsReporting } from "../../src/relay/tls-reports.ts";
import { bodyKey } from "../../src/store/keys.ts";
import { connect } from "../../src/store/connection.ts";
import { createMailQueue } from "../../src/store/mail-queue.ts";
import { createTlsBooks } from "../../src/store/tls-results.ts";
import type { Reporting } from "../../src/tls-reports/reporting.ts";
import { DAY_MS, dayOf, endOf } from "../../src/tlsrpt/day.ts";
import { stsRelay } from "../cli/run.ts";
import { recordsOf, verify } from "../dkim/support/verify.ts";
import { until } from "../store/support.ts";
import { startTestRedis } from "../support/redis.ts";
import { startTestRelay, type TestRelay } from "../support/relay.ts";
import { readReportMail } from "../tls-reports/support/read-report-mail.ts";
import { type Report, reportSchema } from "../tls-reports/support/report-schema.ts";

const FAULTS = {
  "expired.test": "certificate-expired",
  "no-tls.test": "starttls-not-supported",
  "mx-not-listed.test": "validation-failure",
  "testing-wrong-name.test": "certificate-host-mismatch",
  "testing-starttls-454.test": "starttls-not-supported",
  "no-policy-no-tls.test": "starttls-not-supported",
  "no-policy-starttls-454.test": "starttls-not-supported",
  "policy-404.test": "sts-policy-fetch-error",
  "policy-unparsable.test": "sts-policy-invalid",
  "policy-self-signed.test": "sts-webpki-invalid",
} as const;
const GOOD = ["good-enforce.test", "good-testing.test", "no-policy.test", "mode-none.test"];
const SILENT = "dual-stack.test";
const DOMAINS = [...GOOD, ...Object.keys(FAULTS)];

type World = AsyncDisposable & { lab: Lab; relay: TestRelay; key: DkimKey; day: string };

/** A relay that reports, and a mailbox for reports whose host fails its own enforced policy. */
async function startWorld(): Promise<World> {
  const stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sts-relay-key-"));
  stack.defer(() => rm(dir, { recursive: true }));
  const pem = generateDkimKey("rsa");
  await writeFile(join(dir, "key.pem"), pem);
  const read = readDkimKey(pem);
  assert.ok("privateKey" in read);
  const lab = stack.use(await startLab({ only: [...DOMAINS, SILENT] }));
  await lab.add({ name: "reports.test", mx: [{ certificate: "expired" }], policy: {} });
  for (const domain of DOMAINS) {
    lab.dns.set(`_smtp._tls.${domain}`, "TXT", [
      ["v=TLSRPTv1;", `rua=mailto:${domain.replace(".test", "")}@reports.test`],
    ]);
  }
  const relay = stack.use(
    await startTestRelay(lab, {
      retry: { schedule: ["1h"] },
      tlsReports: {
        organization: "Sender, Inc.",
        contact: "https://sender.test/tls",
        from: "tls-reports@sender.test",
        dkim: { selector: "r", keyFile: join(dir, "key.pem") },
      },
    }),
  );
  const key = { domain: "sender.test", selector: "r", ...read };
  return { lab, relay, key, day: dayOf(Date.now()), [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Another process of the relay, a day later: only its reporting part. */
async function openReporter({ relay }: World, stack: AsyncDisposableStack, now: () => number): Promise<Reporting> {
  const { config } = loadConfig({ file: join(relay.dir, "relay.yaml"), env: {}, cwd: relay.dir });
  const target = { socketPath: join(relay.dir, "redis", "redis.sock") };
  const connection = await connect({ target, onState: () => undefined });
  stack.defer(() => connection.close());
  const queue = createMailQueue({ connection });
  stack.defer(() => queue.close());
  const events = createEvents(createLog({ level: "silent", format: "json" }));
  const network = await createNetwork(config);
  const reporting = await openTlsReporting({ config, connection, queue, network, events, now });
  assert.ok(reporting);
  return reporting;
}

async function counted({ relay, day }: World, domain: string): Promise<number> {
  const target = { socketPath: join(relay.dir, "redis", "redis.sock") };
  const connection = await connect({ target, onState: () => undefined });
  try {
    const results = await createTlsBooks(connection).results({ day, domain });
    return results.reduce((sum, { successful, failed }) => sum + successful + failed, 0);
  } finally {
    await connection.close();
  }
}

test("each domain that asks for it gets one report on the day, with the sessions that took place, whatever is wrong with its TLS, and two processes send it once (RPT-COL-1, RPT-COL-2, RPT-COL-3, RPT-COL-5, RPT-JSON-1, RPT-SEND-1, RPT-SEND-2)", async () => {
  await using world = await startWorld();
  const { lab, relay, key, day } = world;
  // Twice to each domain: the second message finds a kept session where there is one.
  for (const local of ["one", "two"]) {
    await Promise.all([...DOMAINS, SILENT].map((domain) => relay.send(`${local}@${domain}`)));
  }
  const sessions = new Map(DOMAINS.map((domain) => [domain, sessionsAt(lab, domain)]));
  for (const [domain, count] of [...sessions, [SILENT, 1] as const]) {
    const expected = expectedCount(domain, count);
    await until(async () => (await counted(world, domain)) >= expected, `${domain} is counted ${expected} times`);
  }

  await using stack = new AsyncDisposableStack();
  let now = endOf(day);
  const reporters = await Promise.all([openReporter(world, stack, () => now), openReporter(world, stack, () => now)]);
  assert.deepEqual(
    await Promise.all(reporters.map((each) => each.sendDue())),
    [0, 0],
    "nothing at midnight (RPT-TIME-1)",
  );
  now = endOf(day) + DAY_MS / 6;
  const taken = await Promise.all(reporters.map((each) => each.sendDue()));
  assert.equal(
    taken.reduce((sum, each) => sum + each),
    DOMAINS.length + 1,
  );

  const mailbox = lab.mx("mx.reports.test");
  await until(() => mailbox.messages.length >= DOMAINS.length, "the reports arrive");
  assert.equal(mailbox.messages.length, DOMAINS.length);
  for (const domain of DOMAINS) {
    const to = `${domain.replace(".test", "")}@reports.test`;
    const arrived = mailbox.messages.filter((message) => message.to.includes(to));
    assert.equal(arrived.length, 1, domain);
    const [mail] = arrived;
    assert.ok(mail);
    assert.equal(mail.from, "", "nobody is bounced to");
    const report = await checkMail(mail.data, domain, day, key);
    checkCounts(report, domain, sessions.get(domain) ?? 0);
  }

  // Much later, nothing more; and the sessions of the reports are in no report (RPT-COL-5).
  now += 2 * DAY_MS;
  assert.deepEqual(await Promise.all(reporters.map((each) => each.sendDue())), [0, 0]);
  assert.equal(await counted(world, "reports.test"), 0);
  assert.equal(mailbox.messages.length, DOMAINS.length);
});

function expectedCount(domain: string, sessions: number): number {
  // Refused before connecting, once for each message.
  if (domain === "mx-not-listed.test") return 2;
  // The second try, in clear, is no session of its own.
  return /starttls-454/.test(domain) ? sessions / 2 : sessions;
}

function sessionsAt(lab: Lab, domain: string): number {
  return lab.hostsOf(domain).reduce((sum, host) => sum + host.sessions.length, 0);
}

async function checkMail(data: Buffer, domain: string, day: string, key: DkimKey): Promise<Report> {
  const read = readReportMail(data);
  assert.deepEqual(read.defects, []);
  assert.equal(read.type, "multipart/report");
  assert.equal(read.reportType, "tlsrpt");
  assert.deepEqual(
    read.parts.map(({ type }) => type),
    ["text/plain", "application/tlsrpt+gzip"],
  );
  assert.equal(read.headers["tls-report-domain"], domain);
  assert.equal(read.headers["tls-report-submitter"], "sender.test");
  assert.equal(read.headers["tls-required"], "No");
  const report = reportSchema.parse(JSON.parse(read.parts[1]?.text ?? ""));
  const id = report["report-id"];
  assert.equal(read.headers["subject"], `Report Domain: ${domain} Submitter: sender.test Report-ID: <${id}>`);
  const begin = Date.parse(`${day}T00:00:00Z`) / 1000;
  assert.equal(read.parts[1]?.fileName, `sender.test!${domain}!${begin}!${begin + 86_399}!${id.split("@")[0]}.json.gz`);
  assert.deepEqual(report["date-range"], { "start-datetime": `${day}T00:00:00Z`, "end-datetime": `${day}T23:59:59Z` });
  assert.equal(report["organization-name"], "Sender, Inc.");

  const verified = await verify(data, recordsOf([key]));
  assert.deepEqual(
    verified.map(({ result, domain }) => `${domain} ${result}`),
    ["sender.test pass"],
  );
  assert.doesNotMatch(data.toString("latin1").split("\r\n\r\n")[0] ?? "", /[;\s]l=/);
  return report;
}

function checkCounts(report: Report, domain: string, sessions: number): void {
  const [only, ...more] = report.policies;
  assert.ok(only);
  assert.deepEqual(more, [], domain);
  const good = only.summary["total-successful-session-count"];
  const bad = only.summary["total-failure-session-count"];
  const [failure, ...others] = only["failure-details"];
  assert.deepEqual(others, [], domain);
  const hasPolicy = !/^(no-policy|policy-)/.test(domain);
  assert.equal(only.policy["policy-type"], hasPolicy ? "sts" : "no-policy-found", domain);
  if (hasPolicy) assert.ok(only.policy["policy-string"]?.includes("version: STSv1"), domain);
  assert.equal(good + bad, expectedCount(domain, sessions), domain);
  if (domain === "mx-not-listed.test") {
    assert.equal(sessions, 0);
    assert.deepEqual(only.policy["mx-host"], ["other-mx.mx-not-listed.test"]);
  }
  const expected = FAULTS[domain as keyof typeof FAULTS] as string | undefined;
  assert.equal(failure?.["result-type"], expected, domain);
  assert.equal(failure?.["failed-session-count"] ?? 0, bad, domain);
  if (expected === undefined) assert.ok(good > 0 && bad === 0, domain);
  if (domain === "expired.test") {
    assert.equal(failure?.["receiving-mx-hostname"], "mx.expired.test");
    assert.equal(failure["receiving-mx-helo"], "mx.expired.test");
    assert.match(failure["receiving-ip"] ?? "", /^127\./);
    assert.match(failure["sending-mta-ip"] ?? "", /^127\./);
    assert.match(failure["failure-reason-code"] ?? "", /expired/);
  }
}

test("a report goes to every place that the record names; an endpoint that fails is asked again later, with the same report (RPT-TXT-1, RPT-SEND-3)", async () => {
  await using world = await startWorld();
  const { lab, relay, day } = world;
  await using endpoint = await startEndpoint(lab);
  lab.dns.set("_smtp._tls.good-enforce.test", "TXT", [
    [`v=TLSRPTv1; rua=${endpoint.url}, mailto:both@reports.test,mailto:nonsense`],
  ]);
  await relay.send("user@good-enforce.test");
  await until(async () => (await counted(world, "good-enforce.test")) === 1, "it is counted");

  await using stack = new AsyncDisposableStack();
  let now = endOf(day) + DAY_MS / 6;
  const [reporting, other] = await Promise.all([
    openReporter(world, stack, () => now),
    openReporter(world, stack, () => now),
  ]);
  endpoint.status = 503;
  assert.equal(await reporting.sendDue(), 1);
  assert.equal(await reporting.sendDue(), 0, "not at once");
  const mailbox = lab.mx("mx.reports.test");
  await until(() => mailbox.messages.length === 1, "the mail arrives");
  now += DAY_MS / 24;
  endpoint.status = 201;
  assert.equal(await other.sendDue(), 1);
  assert.equal(await reporting.sendDue(), 0);
  const [first, second, ...more] = endpoint.posts;
  assert.deepEqual(more, []);
  assert.equal(first?.method, "POST");
  assert.equal(first.type, "application/tlsrpt+gzip");
  assert.deepEqual(first.body, second?.body);
  const posted = reportSchema.parse(JSON.parse(gunzipSync(first.body).toString()));
  const [mail] = mailbox.messages;
  assert.ok(mail);
  assert.deepEqual(JSON.parse(readReportMail(mail.data).parts[1]?.text ?? ""), posted);
  now += DAY_MS;
  assert.equal(await reporting.sendDue(), 0);
  assert.equal(mailbox.messages.length, 1, "the mail was not sent again");
});

test("the command line shows a report as it would be sent, and sends it now, once (RPT-JSON-1)", async () => {
  await using lab = await startLab({ only: ["no-policy.test"] });
  lab.dns.set("_smtp._tls.no-policy.test", "TXT", [["v=TLSRPTv1; rua=mailto:tls@no-policy.test"]]);
  // A Redis like a relay's own, and no relay that could send by itself.
  await using redis = await startTestRedis();
  await writeFile(join(redis.dir, "key.pem"), generateDkimKey("ed25519"));
  const settings = {
    redis: { dir: redis.dir },
    dns: { servers: lab.settings.dnsServers },
    tlsReports: { organization: "x", contact: "y", from: "r@sender.test", dkim: { selector: "e", keyFile: "key.pem" } },
  };
  await writeFile(join(redis.dir, "relay.yaml"), JSON.stringify(settings));
  const connection = await connect({ target: redis, onState: () => undefined });
  try {
    const yesterday = dayOf(Date.now() - DAY_MS);
    const policies = [{ policy: { type: "no-policy-found" as const }, successful: 3, failed: 0, failures: [] }];
    await createTlsBooks(connection).add({ day: yesterday, domain: "no-policy.test", policies });
    const command = (...args: string[]) =>
      stsRelay(["tls-report", ...args, "--config", "relay.yaml"], { cwd: redis.dir });

    const preview = await command("preview", "No-Policy.test");
    assert.equal(preview.code, 0, preview.stderr);
    assert.match(preview.stderr, /mailto:tls@no-policy\.test: not sent yet/);
    const shown = reportSchema.parse(JSON.parse(preview.stdout));
    const today = await command("send", "no-policy.test", "--day", dayOf(Date.now()));
    assert.equal(today.code, 2);
    assert.match(today.stderr, /is not over/);
    const sent = await command("send", "no-policy.test", "--day", yesterday);
    assert.equal(sent.code, 0, sent.stderr);
    const [, id = ""] = /in the mail queue since .*, as (\w+)/.exec(sent.stdout) ?? [];
    const again = await command("send", "no-policy.test");
    assert.equal(again.code, 1);
    assert.match(again.stdout, /sent already/);
    const queued = await connection.redis.hgetBuffer(bodyKey(id), "data");
    assert.deepEqual(JSON.parse(readReportMail(queued ?? Buffer.of()).parts[1]?.text ?? ""), shown);
  } finally {
    await connection.close();
  }
});

type Endpoint = AsyncDisposable & {
  url: string;
  status: number;
  posts: { method: string; type: string; body: Buffer }[];
};

async function startEndpoint(lab: Lab): Promise<Endpoint> {
  const host = lab.policyHosts.address;
  const { certPem: cert, keyPem } = await lab.authority.issue({ names: ["tlsrpt.reports.test"] });
  const server = createServer({ cert, key: keyPem }, (request, response) => {
    void buffer(request).then((body) => {
      const type = request.headers["content-type"] ?? "";
      endpoint.posts.push({ method: request.method ?? "", type, body });
      response.writeHead(endpoint.status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  lab.dns.set("tlsrpt.reports.test", "A", [host]);
  const { port } = server.address() as AddressInfo;
  const endpoint: Endpoint = {
    url: `https://tlsrpt.reports.test:${port}/v1/reports?for=good`,
    status: 200,
    posts: [],
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
  return endpoint;
}
