/** What goes wrong with domains outside, each set up in a lab and checked. */
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { before, after, test } from "node:test";
import type { CheckParts } from "../../src/check/check.ts";
import type { DomainSetup } from "../../src/lab/domain-setup.ts";
import { type Lab, startLab } from "../../src/lab/lab.ts";
import { createMemoryPolicyStore } from "../support/memory-policy-store.ts";
import { labCheck, problems, codes, RULE } from "./support/lab-check.ts";

const DAY_MS = 86_400_000;
const WEEK_SECONDS = 7 * 86_400;

let lab: Lab;
before(async () => {
  lab = await startLab({ only: [] });
});
after(() => lab.close());

/** A domain where all is right, and reports are wanted. */
async function add(name: string, setup: Omit<DomainSetup, "name"> = {}): Promise<void> {
  await lab.add({ name, policy: { maxAgeSeconds: WEEK_SECONDS }, ...setup });
  lab.dns.set(`_smtp._tls.${name}`, "TXT", [[`v=TLSRPTv1; rua=mailto:tls@${name}`]], { ttl: 0 });
}

const checkOf = (domain: string, change: Partial<CheckParts> = {}) => labCheck(lab, change)(domain);

test("a domain with policy, verified host and reports has nothing to be said against it", async () => {
  await add("fine.test");
  const result = await checkOf("fine.test");
  assert.deepEqual(
    codes(result),
    ["mx-found", "record-found", "mode-enforce", "host-verified", "tlsrpt-found", "not-cached"],
    JSON.stringify(result.findings),
  );
  assert.equal(result.fate?.kind === "sent" && result.fate.tls.endsWith(", verified"), true);
});

test("a short max_age is a warning below a day, and a note below a week (RFC 8461 section 3.2)", async () => {
  await add("hour.test", { policy: { maxAgeSeconds: 3600 } });
  await add("day.test", { policy: { maxAgeSeconds: 86_400 } });
  await add("short-none.test", { policy: { mode: "none", maxAgeSeconds: 60 } });
  assert.deepEqual(problems(await checkOf("hour.test")), ["max-age-short"]);
  assert.ok(codes(await checkOf("day.test")).includes("max-age-low"));
  assert.deepEqual(problems(await checkOf("short-none.test")), []);
});

test("a policy that was changed under the same id is an error, under a new one it is not (RFC 8461 section 3.1)", async () => {
  await add("changed.test");
  const cache = createMemoryPolicyStore();
  const old = {
    domain: "changed.test",
    policy: { mode: "enforce" as const, mx: ["old.changed.test"], maxAgeSeconds: WEEK_SECONDS },
    text: "",
    fetchedAt: Date.now() - DAY_MS,
    expiresAt: Date.now() + DAY_MS,
  };
  cache.policies.set("changed.test", { ...old, id: "1" });
  const same = await checkOf("changed.test", { cache });
  // Nobody fetches it anew: this relay goes by the old one, as others do.
  assert.deepEqual(problems(same), ["id-not-changed", "mail-waits"]);
  assert.equal(same.fate?.kind, "waits");
  cache.policies.set("changed.test", { ...old, id: "0" });
  const newer = await checkOf("changed.test", { cache });
  assert.deepEqual(problems(newer), ["policy-weaker"]);
  assert.equal(newer.fate?.kind, "sent");
});

test("a check changes nothing of what is cached", async () => {
  await add("untouched.test");
  const cache = createMemoryPolicyStore();
  await checkOf("untouched.test", { cache });
  await lab.add({ name: "unfetchable.test", policy: { status: 404 } });
  await checkOf("unfetchable.test", { cache });
  assert.deepEqual([cache.policies.size, cache.failures.size, cache.locks.size, cache.refreshes.size], [0, 0, 0, 0]);
});

test("a policy that is cached holds on when its record is gone, and the check says so (STS-TXT-6)", async () => {
  await add("gone.test", { mx: [{ behaviour: { starttls: "absent" } }] });
  const cache = createMemoryPolicyStore();
  const policy = { mode: "enforce" as const, mx: ["mx.gone.test"], maxAgeSeconds: WEEK_SECONDS };
  const [fetchedAt, expiresAt] = [Date.now(), Date.now() + DAY_MS];
  cache.policies.set("gone.test", { domain: "gone.test", id: "1", text: "", policy, fetchedAt, expiresAt });
  lab.publish("gone.test", {});
  const result = await checkOf("gone.test", { cache });
  assert.deepEqual(problems(result), ["starttls-not-supported", "cached-still-holds", "mail-waits"]);
  // A relay that knows nothing would send it in the clear.
  assert.equal((await checkOf("gone.test")).fate?.kind, "sent");
});

test("a store that cannot be asked is said, and is not taken for one that is empty", async () => {
  await add("no-store.test");
  const apart = await checkOf("no-store.test", { cache: { away: "Redis is away" } });
  assert.ok(codes(apart).includes("cache-unknown"));
  assert.equal(apart.fate?.kind, "sent");
  const cache = createMemoryPolicyStore();
  cache.failing.reads = true;
  const broken = await checkOf("no-store.test", { cache });
  assert.deepEqual([codes(broken).includes("cache-unknown"), broken.fate?.kind], [true, "waits"]);
});

test("a certificate within two weeks of its end is a warning", async () => {
  await add("ends.test");
  assert.deepEqual(problems(await checkOf("ends.test", { now: () => Date.now() + 340 * DAY_MS })), []);
  const late = await checkOf("ends.test", { now: () => Date.now() + 355 * DAY_MS });
  assert.deepEqual(problems(late), ["certificate-ends-soon"]);
  assert.match(late.findings.find(({ code }) => code === "certificate-ends-soon")?.says ?? "", /ends in (9|10) days/);
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));

test("an AAAA record without a service behind it is a warning while IPv4 works (RFC 5321 section 5.1)", async (t) => {
  if (!hasIpv6) return t.skip("this machine has no IPv6");
  await add("aaaa.test");
  lab.dns.set("mx.aaaa.test", "AAAA", ["::1"], { ttl: 0 });
  const result = await checkOf("aaaa.test");
  assert.deepEqual(problems(result), ["aaaa-without-service"]);
  assert.equal(result.fate?.kind, "sent");
  assert.deepEqual(problems(await checkOf("aaaa.test", { ipv6: false })), []);
});

test("a policy host that is an alias is named, and so is what its certificate lacks (RFC 8461 section 8.2)", async () => {
  await add("alias.test", { policy: { certificate: "wrong-name", maxAgeSeconds: WEEK_SECONDS } });
  lab.dns.remove("mta-sts.alias.test");
  lab.dns.set("mta-sts.alias.test", "CNAME", ["policies.provider.test"], { ttl: 0 });
  lab.dns.set("policies.provider.test", "A", [lab.policyHosts.address], { ttl: 0 });
  const { findings } = await checkOf("alias.test");
  assert.match(findings.find(({ code }) => code === "policy-host-alias")?.says ?? "", /policies\.provider\.test/);
  const certificate = findings.find(({ code }) => code === "policy-certificate-name");
  assert.match(certificate?.todo ?? "", /mta-sts\.alias\.test .* also where it is an alias/);
});

test("TLSRPT records are looked at (RFC 8460 section 3, RPT-TXT-1)", async () => {
  await add("reports.test");
  const cases: [records: string[][], code: string][] = [
    [[["v=TLSRPTv1; rua=https://reports.test/v1"]], "tlsrpt-found"],
    [[["v=TLSRPTv1; ru=mailto:a@reports.test"]], "tlsrpt-unusable"],
    [[["v=TLSRPTv1; rua=mailto:a@reports.test"], ["v=TLSRPTv1; rua=mailto:b@reports.test"]], "tlsrpt-unusable"],
    [[["v=spf1 -all"]], "tlsrpt-missing"],
  ];
  for (const [records, code] of cases) {
    lab.dns.set("_smtp._tls.reports.test", "TXT", records, { ttl: 0 });
    assert.ok(codes(await checkOf("reports.test")).includes(code), code);
  }
});

test("a host that listens and greets with a refusal, and one without an address, are told apart", async () => {
  await add("refusing.test", { mx: [{ behaviour: { greeting: "554 go away" } }, {}] });
  assert.deepEqual(problems(await checkOf("refusing.test")), ["host-refuses"]);
  await add("no-address.test");
  lab.dns.remove("mx.no-address.test");
  assert.deepEqual(problems(await checkOf("no-address.test")), ["host-without-address", "mail-waits"]);
  await add("inside.test");
  lab.dns.set("mx.inside.test", "A", ["10.1.2.3"], { ttl: 0 });
  assert.deepEqual(problems(await checkOf("inside.test")), ["address-not-allowed", "mail-waits"]);
});

test("a domain that does not exist is one error and nothing else", async () => {
  const result = await checkOf("nowhere.test");
  assert.deepEqual([codes(result), result.fate?.kind], [["no-such-domain"], "bounces"]);
});

test("MX records that cannot be asked for are an error, and mail waits", async () => {
  await add("mute.test");
  lab.dns.behave("mute.test", "MX", "servfail");
  const result = await checkOf("mute.test");
  assert.deepEqual([problems(result), result.fate?.kind], [["mx-unknown", "mail-waits"], "waits"]);
});

test("the operator's rule is applied and named", async () => {
  await lab.add({ name: "without.test" });
  const required = await checkOf("without.test", { ruleOf: () => ({ ...RULE, mtaSts: "require" }) });
  assert.deepEqual([problems(required), required.fate?.kind], [["mail-waits"], "waits"]);
  assert.ok(codes(required).includes("operator-rule"));

  await add("broken.test", { mx: [{ certificate: "expired" }] });
  const disabled = await checkOf("broken.test", { ruleOf: () => ({ ...RULE, mtaSts: "disable" }) });
  // For its owner it is broken all the same.
  assert.deepEqual([problems(disabled), disabled.fate?.kind], [["certificate-expired"], "sent"]);
  assert.match(
    disabled.findings.find(({ code }) => code === "certificate-expired")?.says ?? "",
    /goes to it all the same/,
  );
});

test("an exception set at run time is applied, and named with its author", async () => {
  await add("excepted.test", { mx: [{ certificate: "expired" }] });
  const exception = {
    domain: "excepted.test",
    what: { kind: "mta-sts" as const, rule: "disable" as const },
    by: "anna@mail",
    reason: "their certificate ran out",
    setAt: 0,
  };
  const result = await checkOf("excepted.test", { ruleOf: () => ({ ...RULE, mtaSts: "disable", exception }) });
  assert.equal(result.fate?.kind, "sent");
  assert.match(result.findings.find(({ code }) => code === "operator-rule")?.says ?? "", /anna@mail/);
});

test("mail by a smart host is checked under the smart host's policy (RFC 8461 section 3.4)", async () => {
  await lab.add({ name: "customer.test" });
  await lab.add({ name: "smart.test", mxRecords: "none", policy: { maxAgeSeconds: WEEK_SECONDS } });
  const route = { host: "smart.test", port: lab.settings.deliveryPort, tls: "starttls" as const };
  const login = { user: "me", password: "tr0ub4dor" };
  const result = await checkOf("customer.test", { ruleOf: () => ({ ...RULE, route: { ...route, login } }) });
  assert.deepEqual([problems(result), result.fate?.kind], [[], "sent"]);
  assert.equal(result.facts?.policy?.domain, "smart.test");
  // No login is tried.
  const [host] = lab.hostsOf("smart.test");
  const lines = host?.sessions.flatMap(({ commands }) => commands.map(({ line }) => line)) ?? [];
  assert.deepEqual(
    lines.filter((line) => line.startsWith("AUTH")),
    [],
  );
});

test("a check that takes too long says so, and one that is stopped rejects", async () => {
  await add("slow.test", { mx: [{ behaviour: { greeting: "never" } }] });
  const result = await checkOf("slow.test", { timeoutMs: 300 });
  assert.deepEqual([result.severity, codes(result)], ["error", ["not-finished"]]);
  const stop = new AbortController();
  const stopped = labCheck(lab)("slow.test", stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(stopped, /enough/);
});
