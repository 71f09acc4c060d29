import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Authority, createAuthority } from "../../src/lab/authority.ts";
import type { LoginAnswer } from "../../src/submission/login.ts";
import { createLogin } from "../../src/submission/login.ts";
import { clientDelayMs, createLoginGuard, nameDelayMs } from "../../src/submission/login-guard.ts";
import { createTrust } from "../../src/submission/trust.ts";
import type { Certificate } from "../../src/submission/certificate.ts";
import { connectClient, type Client } from "./support/client.ts";
import { startIntake } from "./support/intake.ts";
import { memoryLimiter } from "./support/memory-limiter.ts";
import { CHEAP_HASH_OF_RIGHT } from "./support/passwords.ts";

const never = new AbortController().signal;
const wrong = async (): Promise<LoginAnswer> => "wrong";
const right = async (): Promise<LoginAnswer> => "right";

function guardOf(most: number) {
  const byClient = memoryLimiter(most);
  const byName = memoryLimiter(Number.MAX_SAFE_INTEGER);
  return { byClient, byName, guard: createLoginGuard({ byClient, byName }) };
}

test("delays double, from the fourth failure of an address and the eleventh of a name, up to a limit", () => {
  const cases: [failures: number, client: number, name: number][] = [
    [0, 0, 0],
    [3, 0, 0],
    [4, 250, 0],
    [5, 500, 0],
    [9, 8_000, 0],
    [10, 10_000, 0],
    [11, 10_000, 250],
    [14, 10_000, 2_000],
    [1_000_000, 10_000, 4_000],
  ];
  for (const [failures, client, name] of cases)
    assert.deepEqual([clientDelayMs(failures), nameDelayMs(failures)], [client, name], String(failures));
});

test("an address with too many failures is answered without a check; another with the same name is checked", async () => {
  const { guard } = guardOf(2);
  assert.equal(await guard.attempt({ address: "192.0.2.1", name: "app" }, wrong, never), "wrong");
  assert.equal(await guard.attempt({ address: "192.0.2.1", name: "other" }, wrong, never), "wrong");
  const unchecked = () => Promise.reject(new Error("it was checked"));
  assert.deepEqual(await guard.attempt({ address: "192.0.2.1", name: "app" }, unchecked, never), {
    lockedForMs: 60_000,
  });
  assert.equal(await guard.attempt({ address: "192.0.2.2", name: "app" }, right, never), "right");
});

test("guesses that come all at once are counted before they are checked", async () => {
  const { guard } = guardOf(3);
  let checked = 0;
  const check = async (): Promise<LoginAnswer> => {
    checked += 1;
    return "wrong";
  };
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => guard.attempt({ address: "192.0.2.1", name: `${i}` }, check, never)),
  );
  assert.equal(checked, 3);
});

test("what is right or was not checked does not count", async () => {
  const { guard, byClient, byName } = guardOf(5);
  for (const answer of ["right", "busy", "right"] as const)
    assert.equal(await guard.attempt({ address: "192.0.2.1", name: "app" }, async () => answer, never), answer);
  assert.deepEqual([...byClient.counts.values(), ...byName.counts.values()], [0, 0]);
});

test("who goes away while it waits is not checked, and counted all the same", async () => {
  const { guard, byClient } = guardOf(100);
  byClient.counts.set("192.0.2.1", 50);
  const leaving = new AbortController();
  const attempt = guard.attempt(
    { address: "192.0.2.1", name: "app" },
    () => Promise.reject(new Error("checked")),
    leaving.signal,
  );
  leaving.abort();
  assert.equal(await attempt, "gone");
  assert.equal(byClient.counts.get("192.0.2.1"), 51);
});

test("a name, which may be a password in the wrong field, is no key as it is", async () => {
  const { guard, byName } = guardOf(5);
  await guard.attempt({ address: "192.0.2.1", name: "hunter2" }, wrong, never);
  for (const key of byName.counts.keys()) assert.match(key, /^(?!.*hunter2)[\w-]{22}$/);
});

let authority: Authority;
let certificate: Certificate;

before(async () => {
  authority = await createAuthority();
  const { certPem, keyPem } = await authority.issue({ names: ["relay.example"] });
  certificate = { key: keyPem, cert: certPem };
});

const plain = (name: string, password: string) =>
  `AUTH PLAIN ${Buffer.from(`\0${name}\0${password}`).toString("base64")}`;

async function secureClient(port: number): Promise<Client> {
  const client = await connectClient(port);
  await client.reply();
  await client.command("EHLO client.example");
  await client.command("STARTTLS");
  const secure = await client.startTls(authority.caPem);
  await secure.command("EHLO client.example");
  return secure;
}

test("a guesser is answered 454 4.7.0 with the time to wait, then 421; who logged in a moment ago still does (RFC 4954 section 6)", async () => {
  await using intake = await startIntake({
    tls: "starttls",
    certificate,
    trust: createTrust([]),
    login: createLogin({ users: [{ name: "app", passwordHash: CHEAP_HASH_OF_RIGHT }], now: Date.now }),
    loginGuard: guardOf(2).guard,
  });
  await using friend = await secureClient(intake.port);
  assert.match((await friend.command(plain("app", "right"))) ?? "", /^235 /);
  await using guesser = await secureClient(intake.port);
  const replies: (string | undefined)[] = [];
  for (let i = 0; i < 5; i++) replies.push(await guesser.command(plain("app", `guess ${i}`)));
  assert.deepEqual(replies, [
    "535 5.7.8 Authentication credentials invalid",
    "535 5.7.8 Authentication credentials invalid",
    "454 4.7.0 Too many failed logins, try again in 60 s",
    "454 4.7.0 Too many failed logins, try again in 60 s",
    "421 4.7.0 Too many errors",
  ]);
  await guesser.closed;
  await using again = await secureClient(intake.port);
  assert.match((await again.command(plain("app", "right"))) ?? "", /^235 /);
});
