import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogin } from "../../src/submission/login.ts";
import { CHEAP_HASH_OF_RIGHT, hashOfRight } from "./support/passwords.ts";

const users = [{ name: "app", passwordHash: CHEAP_HASH_OF_RIGHT }];

/** Of this process, the threads of libuv included. */
const cpuMs = () => process.cpuUsage().user / 1000;

test("a known name with its password is right, all else is wrong", async () => {
  const login = createLogin({ users, now: () => 0 });
  const cases: [name: string, password: string, answer: string][] = [
    ["app", "right", "right"],
    ["app", "wrong", "wrong"],
    ["app", "", "wrong"],
    ["App", "right", "wrong"],
    ["", "right", "wrong"],
    ["other", "right", "wrong"],
    ["app", "right", "right"],
    ["app", "wrong", "wrong"],
  ];
  for (const [name, password, answer] of cases)
    assert.equal(await login.check(name, password), answer, `${name} ${password}`);
});

test("nobody can log in where there are no users", async () => {
  assert.equal(await createLogin({ users: [], now: () => 0 }).check("app", "right"), "wrong");
});

test("an unknown name costs a whole verification, as a wrong password does", async () => {
  // ln=14: dear enough to be seen in the process's CPU time.
  const dear = CHEAP_HASH_OF_RIGHT.replace("ln=10", "ln=14");
  const login = createLogin({ users: [{ name: "app", passwordHash: dear }], now: () => 0 });
  const cost = async (name: string) => {
    const before = cpuMs();
    assert.equal(await login.check(name, "guess"), "wrong");
    return cpuMs() - before;
  };
  await cost("app");
  const wrongPassword = await cost("app");
  const unknownName = await cost("nobody");
  assert.ok(
    unknownName > wrongPassword / 4,
    `${unknownName} ms for an unknown name, ${wrongPassword} ms for a wrong password`,
  );
});

test("a pair that was right is remembered for a minute, a wrong one never", async () => {
  let now = 0;
  const login = createLogin({ users: [{ name: "app", passwordHash: await hashOfRight() }], now: () => now });
  const cost = async () => {
    const before = cpuMs();
    assert.equal(await login.check("app", "right"), "right");
    return cpuMs() - before;
  };
  const first = await cost();
  now = 59_999;
  const remembered = await cost();
  now = 60_000;
  const again = await cost();
  assert.ok(remembered < first / 3, `${remembered} ms remembered, ${first} ms verified`);
  assert.ok(again > remembered * 3, `${again} ms verified again, ${remembered} ms remembered`);
});

test("a flood of guesses is answered busy, and checked again when it is over", async () => {
  const login = createLogin({ users, now: () => 0 });
  const answers = await Promise.all(Array.from({ length: 80 }, () => login.check("app", "wrong")));
  assert.equal(answers.filter((answer) => answer === "wrong").length, 66);
  assert.equal(answers.filter((answer) => answer === "busy").length, 14);
  assert.equal(await login.check("app", "right"), "right");
});
