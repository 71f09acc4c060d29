/** After a tour of the lab: what became of each message, and why, in words that name the true cause. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startLab } from "../../src/lab/lab.ts";
import { runTour } from "../../src/lab/tour.ts";
import { explain } from "../../src/operate/explain.ts";
import { createMessageService } from "../../src/operate/message.ts";
import { stsRelay } from "../cli/run.ts";
import { open, until } from "../store/support.ts";
import { startTestRelay } from "../support/relay.ts";

const PROVED = /mode enforce.*took the message.*verified; a certificate for/;
const NOT_PROVED = /did not prove its name/;
const NOTHING_SENT = "Nothing of the message was sent to it";

/** What refuses a host, as `message` tells it under `enforce` and in testing mode. */
const FAULTS: Record<string, { words: RegExp; result: string }> = {
  "no-tls": { words: /STARTTLS/, result: "starttls-not-supported" },
  "starttls-454": { words: /454 4\.7\.0 TLS not available/, result: "starttls-not-supported" },
  "starttls-554": { words: /554 5\.7\.0 no TLS here/, result: "starttls-not-supported" },
  stripped: { words: /STARTTLS/, result: "starttls-not-supported" },
  injected: { words: /plain text was injected/, result: "validation-failure" },
  "self-signed": { words: /its certificate is self-signed/, result: "certificate-not-trusted" },
  "other-ca": { words: /an authority that is not trusted/, result: "certificate-not-trusted" },
  expired: { words: /its certificate expired on/, result: "certificate-expired" },
  "not-yet-valid": { words: /its certificate is not valid yet/, result: "certificate-not-trusted" },
  "wrong-name": { words: /for other-host\.invalid\.test, not for this host/, result: "certificate-host-mismatch" },
  "cn-only": { words: /names no host in its subjectAltName/, result: "certificate-host-mismatch" },
  "partial-wildcard": { words: /for m\*\.\S+, not for this host/, result: "certificate-host-mismatch" },
  "old-tls": { words: /TLS 1\.2 is the least/, result: "validation-failure" },
  "mx-not-listed": { words: /does not list this MX host/, result: "validation-failure" },
  "wildcard-two": { words: /does not list this MX host/, result: "validation-failure" },
};

const REASONS: Record<string, RegExp[]> = {
  "good-enforce.test": [PROVED],
  "good-testing.test": [/mode testing/, /proved its name/],
  "wildcard-one.test": [PROVED],
  "wildcard-certificate.test": [PROVED, /a certificate for \*\.wildcard-certificate\.test/],
  "second-mx-good.test": [
    /mx1\.\S+ \(\S+\): not used, because its certificate expired/,
    /mx2\.\S+ \(\S+\): took the message/,
  ],
  "first-mx-down.test": [/mx1\.\S+ \(\S+\): .*it refuses connections/, /mx2\.\S+ \(\S+\): took the message/],
  "implicit-mx.test": [PROVED],
  "dual-stack.test": [PROVED],
  "mode-none.test": [/mode none\): it asks for no protection/, NOT_PROVED],
  "no-policy.test": [/publishes no MTA-STS policy/, /nothing must be proved/, NOT_PROVED],
  "no-policy-no-tls.test": [/publishes no MTA-STS policy/, /in the clear, without encryption/],
  "no-policy-starttls-454.test": [/publishes no MTA-STS policy/, /in the clear, without encryption/],
  "child.good-enforce.test": [/child\.good-enforce\.test publishes no MTA-STS policy/, NOT_PROVED],
  "split-txt.test": [/mode enforce/, /STARTTLS/, /waits|tried again/],
  "cname-txt.test": [/mode enforce/, /STARTTLS/],
  "foreign-txt.test": [/mode enforce/, /STARTTLS/],
  "extended-txt.test": [/mode enforce/, /STARTTLS/],
  "two-records.test": [/2 MTA-STS records, there must be one/, /counts as none/],
  "txt-without-id.test": [/no valid MTA-STS record|publishes no MTA-STS policy/, /in the clear/],
  "txt-of-version-2.test": [/no valid MTA-STS record|publishes no MTA-STS policy/, /in the clear/],
  "txt-in-lower-case.test": [/no valid MTA-STS record|publishes no MTA-STS policy/, /in the clear/],
  "servfail-txt.test": [/could not be found out: .*SERVFAIL/, /It might ask for protection, so the message waits/],
  "timeout-txt.test": [/could not be found out: .*no reply within/, /so the message waits/],
  "policy-redirect.test": [/could not be had \(.*redirect|could not be had \(.*30\d/i],
  "policy-404.test": [/could not be had \(.*404/],
  "policy-500.test": [/could not be had \(.*500/],
  "policy-html.test": [/could not be had \(.*not of type text\/plain/],
  "policy-too-big.test": [/could not be had \(.*(?:64 KiB|65536|too large|larger)/],
  "policy-drip.test": [/could not be had \(.*(?:time|within)/],
  "policy-unparsable.test": [/could not be had \(/],
  "policy-bad-mode.test": [/could not be had \(.*mode/],
  "policy-no-mx.test": [/could not be had \(.*mx/],
  "policy-self-signed.test": [/could not be had \(.*certificate/],
  "policy-expired.test": [/could not be had \(.*expired/],
  "policy-wrong-name.test": [/could not be had \(.*certificate/],
  "policy-cn-only.test": [/could not be had \(.*certificate/],
  "policy-other-ca.test": [/could not be had \(.*certificate/],
  "policy-private-address.test": [/could not be had \(.*(?:private|10\.1\.2\.3|not public)/],
  "policy-unreachable.test": [/could not be had \(.*(?:refuse|connect)/],
  "id-changes.test": [/id 2,/, /does not list this MX host/, new RegExp(NOTHING_SENT)],
  "enforce-to-none.test": [/id 2, .*mode none/, /in the clear/],
  "record-vanishes.test": [/Its DNS record could not be had this time; the policy that is known holds on/, /STARTTLS/],
  "policy-host-breaks.test": [
    /A newer one is announced and could not be had \(.*503.*the policy that is known holds on/,
    /STARTTLS/,
  ],
  "greylisted.test": [PROVED],
  "mixed-recipients.test": [
    /later@\S+ waits: .*452 4\.2\.2 mailbox full/,
    /refused@\S+ failed: .*550 5\.1\.1 no such user/,
    /taken@\S+ was reached/,
    /the sender was told/,
  ],
  "drop-in-data.test": [/it dropped the connection/, /tried again/],
  "null-mx.test": [/takes no mail \(it has a null MX record\)/, /the sender was told/],
  ...Object.fromEntries(
    Object.entries(FAULTS).flatMap(([name, { words, result }]): [string, RegExp[]][] => [
      [`${name}.test`, [words, /mode enforce/, new RegExp(NOTHING_SENT), /It is tried again/]],
      [`testing-${name}.test`, [new RegExp(`breaks the policy \\(${result}\\)`), /mode testing/]],
    ]),
  ),
};

test("for every domain of the lab `message` tells the true reason", async (t) => {
  await using lab = await startLab();
  // Time enough on a busy machine: a policy that comes too late is another reason.
  await using relay = await startTestRelay(lab, { mtaSts: { fetchTimeout: "8s" }, dns: { timeout: "2s" } });
  await runTour({ lab, smtp: { host: "127.0.0.1", port: relay.port }, settled: relay.settled });
  await using connection = await open(join(relay.dir, "redis", "redis.sock"));
  const service = createMessageService({ connection });
  const told = new Map<string, string>();
  await until(async () => {
    const stories = await service.list({ since: 0, most: 1_000 });
    for (const story of stories.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
      if (story.accepted?.from !== "tour@good-enforce.test") continue;
      const words = explain(story, Date.now());
      for (const { domain, summary, timeline, next } of words.domains) {
        const steps = timeline.flatMap(({ what, details }) => [what, ...details]);
        told.set(domain, [summary, ...steps, ...next].join(" ").replaceAll(/\s+/g, " "));
      }
    }
    // The history is written along with the end of the job, just after it is told.
    return stories.every(({ state }) => state !== "waiting" && state !== "unknown");
  }, "all messages have their history");

  for (const { name } of lab.domains) {
    await t.test(name, () => {
      const reasons = REASONS[name];
      assert.ok(reasons !== undefined, `the table has no row for ${name}`);
      for (const reason of reasons) assert.match(told.get(name) ?? "", reason);
    });
  }
});

test("`message`, `messages` and `queue` tell it on the command line, while the relay runs", async () => {
  await using lab = await startLab({ only: ["expired.test", "good-enforce.test"] });
  await using relay = await startTestRelay(lab);
  const id = await relay.submit(
    ["user@expired.test", "user@good-enforce.test"],
    "Message-ID: <the-one@app.test>\r\n\r\nHello\r\n",
  );
  await Promise.all([relay.settled(id, "expired.test"), relay.settled(id, "good-enforce.test")]);
  const run = (...args: string[]) => stsRelay([...args, "--config", join(relay.dir, "relay.yaml")], { cwd: relay.dir });
  await until(async () => (await run("messages", "--state", "delivered")).code === 0, "the history is written");

  const byId = await run("message", id);
  assert.deepEqual([byId.code, byId.stderr], [0, ""]);
  assert.match(byId.stdout, /^expired\.test: not delivered yet: mx\.expired\.test: its certificate expired on/m);
  assert.match(byId.stdout, /^good-enforce\.test: delivered to mx\.good-enforce\.test, encrypted/m);
  assert.equal(byId.stdout.includes("\u001B"), false);
  const untimed = (text: string) => text.replaceAll(/\(.*?\)/g, "").replaceAll(/\s+/g, " ");
  assert.equal(untimed((await run("message", "<the-one@app.test>")).stdout), untimed(byId.stdout));

  const json = JSON.parse((await run("message", id, "--json")).stdout) as { messages: { id: string; state: string }[] };
  assert.deepEqual(
    json.messages.map((message) => [message.id, message.state]),
    [[id, "mixed"]],
  );
  assert.deepEqual((await run("message", "nobody@knows.test")).code, 1);

  const list = await run("messages", "--to", "expired.test", "--state", "deferred", "--since", "1h");
  assert.match(list.stdout, new RegExp(`^message .*\n${id} .* its certificate expired on`));
  assert.equal((await run("messages", "--to", "elsewhere.test")).code, 1);
  assert.match((await run("queue")).stdout, /^1 delivery: 1 deferred\n\ndestination .*\nexpired\.test +1 /);
  assert.match(
    (await run("queue", "show", id)).stdout,
    /^expired\.test: deferred[^]*^Message-ID: <the-one@app\.test>$/m,
  );
  assert.equal((await run("queue", "list", "--to", "good-enforce.test")).code, 1);
});
