/** A relay publishes the policy of a domain; another one finds it, and holds to it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { checkDomains } from "../../src/cli/publish-check.ts";
import { type Lab, startLab } from "../../src/lab/lab.ts";
import type { DnsRecord } from "../../src/publish/records.ts";
import { stsRelay } from "../cli/run.ts";
import { OUR_MX, ourPolicyServer, OURS, publishSettings, setRecords } from "../publish/support/our-domain.ts";
import { type SettingsTree, startTestRelay, type TestRelay } from "../support/relay.ts";
import { makeTempDir } from "../support/temp-dir.ts";

type Records = { domain: string; id: string; text: string; records: DnsRecord[] };

/** What the command prints for the settings of this relay. */
async function printedRecords({ dir }: TestRelay): Promise<Records> {
  const { code, stdout, stderr } = await stsRelay(["publish", "records", OURS, "--json", "-c", "relay.yaml"], {
    cwd: dir,
  });
  assert.deepEqual([code, stderr], [0, ""]);
  const [records] = JSON.parse(stdout) as [Records];
  return records;
}

/** What the check makes of it, with which exit code. */
async function check({ dir }: TestRelay, options: { mx?: boolean; strict?: boolean } = {}) {
  const config = join(dir, "relay.yaml");
  const { checked, exitCode } = await checkDomains({ config, domain: OURS, mx: false, strict: false, ...options });
  const findings = checked.flatMap((each) => each.findings);
  return { findings, made: [exitCode, ...findings.filter(({ kind }) => kind !== "ok").map(({ about }) => about)] };
}

async function startPublisher(lab: Lab, dir: string, domain: SettingsTree): Promise<TestRelay> {
  await lab.add({ name: OURS });
  return startTestRelay(lab, { publish: await publishSettings(lab, dir, domain) });
}

test("another relay finds the policy, enforces it, and sees a change of it by the new id (STS-GET-1, STS-VAL-4, STS-CACHE-2)", async () => {
  await using lab = await startLab({ only: [] });
  await using dir = await makeTempDir();
  await using publisher = await startPublisher(lab, dir.path, { mode: "enforce", mx: "dns" });
  await using sender = await startTestRelay(lab);

  const enforced = await printedRecords(publisher);
  assert.match(enforced.text, /^mode: enforce\r\nmx: mx\.ours\.test\r$/m);
  setRecords(lab, enforced.records);
  assert.equal((await sender.send(`a@${OURS}`)).tls, "verified");
  assert.deepEqual((await sender.logged("policy-found"))["id"], enforced.id);
  const checked = await stsRelay(["check", OURS, "-c", "relay.yaml"], { cwd: sender.dir });
  assert.equal(checked.code, 0, checked.stdout + checked.stderr);

  lab.mx(OUR_MX).behave({ starttls: "absent" });
  const refused = await sender.send(`b@${OURS}`);
  assert.equal(refused.outcome, "deferred");
  assert.match(refused.reason, /STARTTLS/);

  await publisher.reload({ publish: { domains: { [OURS]: { mode: "testing", mx: "dns" } } } });
  await publisher.logged("policy-published", { mode: "testing" });
  const tested = await printedRecords(publisher);
  assert.notEqual(tested.id, enforced.id);
  setRecords(lab, tested.records);
  const delivered = await sender.send(`c@${OURS}`);
  assert.deepEqual([delivered.outcome, delivered.tls, delivered.violation], ["delivered", "clear", true]);
});

test("publish check is silent about what is right, and says of each thing that is not what to do", async () => {
  await using lab = await startLab({ only: [] });
  await using dir = await makeTempDir();
  await using publisher = await startPublisher(lab, dir.path, { mode: "enforce", mx: [OUR_MX] });
  const { records } = await printedRecords(publisher);

  assert.deepEqual((await check(publisher)).made, [4, "policy", "record", "reports"]);
  setRecords(lab, records);
  const right = await check(publisher, { strict: true });
  assert.deepEqual(right.made, [0]);
  assert.match(right.findings.find(({ about }) => about === "mx")?.says ?? "", /proves its name, TLSv1\.3/);

  lab.mx(OUR_MX).behave({ starttls: "absent" });
  assert.deepEqual((await check(publisher)).made, [3, "mx"]);
  assert.deepEqual((await check(publisher, { strict: true, mx: true })).made, [4, "mx"]);
  const shown = await stsRelay(["publish", "check", "--strict", "-c", "relay.yaml"], { cwd: publisher.dir });
  assert.deepEqual([shown.code, shown.stderr], [4, ""]);
  assert.match(shown.stdout, /^  ok +policy +mta-sts\.ours\.test serves this policy$/m);
  assert.match(shown.stdout, /^  WRONG +mx +mx\.ours\.test \(127\..*STARTTLS/m);

  // The settings have changed and the relay has not read them: what is served is the old policy.
  lab.mx(OUR_MX).behave({ starttls: "offered" });
  const file = join(publisher.dir, "relay.yaml");
  await writeFile(file, JSON.stringify(await publisherSettings(publisher, "testing")));
  const stale = await check(publisher);
  assert.deepEqual(stale.made, [4, "policy", "record"]);
  assert.match(stale.findings.map(({ says }) => says).join("\n"), /mode enforce, not testing/);
});

async function publisherSettings({ dir }: TestRelay, mode: string): Promise<SettingsTree> {
  const settings = JSON.parse(await readFile(join(dir, "relay.yaml"), "utf8")) as { publish: SettingsTree };
  return { ...settings, publish: { ...settings.publish, domains: { [OURS]: { mode, mx: [OUR_MX] } } } };
}

test("a renewed certificate is shown without a restart, and a broken one is not", async () => {
  await using lab = await startLab({ only: [] });
  await using dir = await makeTempDir();
  await using publisher = await startPublisher(lab, dir.path, { mode: "testing", mx: [OUR_MX] });
  const file = join(dir.path, "mta-sts.pem");
  const before = await shownUntil(lab);
  await writeFile(file, "no certificate");
  await publisher.reload({});
  await publisher.logged("certificate-unreadable", { file });
  assert.equal(await shownUntil(lab), before);

  const notAfter = new Date("2031-01-01T00:00:00Z");
  const { certPem, keyPem } = await lab.authority.issue({ names: [`mta-sts.${OURS}`], notAfter });
  await Promise.all([writeFile(file, certPem), writeFile(join(dir.path, "mta-sts.key"), keyPem)]);
  await publisher.reload({});
  await publisher.logged("certificate-loaded", { file, expiresAt: notAfter.toISOString() });
  assert.equal(await shownUntil(lab), notAfter.getTime());
});

/** When the certificate of our policy server ends. */
async function shownUntil(lab: Lab): Promise<number> {
  const socket = connect({ ...ourPolicyServer(lab), servername: `mta-sts.${OURS}`, ca: lab.settings.caPem });
  await once(socket, "secureConnect");
  const { valid_to: validTo } = socket.getPeerCertificate();
  socket.destroy();
  return Date.parse(validTo);
}
