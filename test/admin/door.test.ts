import assert from "node:assert/strict";
import { test } from "node:test";
import { readCredentials } from "../../src/admin/credentials.ts";
import { type DoorParts, enter } from "../../src/admin/door.ts";

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`;
const TOKEN = "0123456789abcdef";

function door(change: Partial<DoorParts> = {}): { parts: DoorParts; tries: string[] } {
  const tries: string[] = [];
  const parts: DoorParts = {
    token: TOKEN,
    login: {
      remembers: (name, password) => name === "known" && password === "right",
      check: async (name, password) => (name === "anna" && password === "right" ? "right" : "wrong"),
    },
    guard: {
      attempt: async ({ address, name }, check) => {
        tries.push(`${address} ${name}`);
        return check();
      },
    },
    ...change,
  };
  return { parts, tries };
}

const ask = (parts: DoorParts, authorization?: string) =>
  enter(parts, { authorization, address: "192.0.2.1" }, new AbortController().signal);

test("credentials are read, and what makes no sense is not taken for none (RFC 7617, RFC 6750)", () => {
  const cases: [string | undefined, string][] = [
    [undefined, "none"],
    [basic("anna:right"), "basic"],
    [basic("anna:a:b"), "basic"],
    [`bearer ${TOKEN}`, "bearer"],
    ["Bearer", "malformed"],
    ["Bearer a b", "malformed"],
    ["Digest abc", "malformed"],
    [`Bearer ${"x".repeat(2_000)}`, "malformed"],
    [basic("no colon"), "malformed"],
    ["", "malformed"],
  ];
  for (const [header, kind] of cases) assert.equal(readCredentials(header).kind, kind, header);
  assert.deepEqual(readCredentials(basic("ä:b:c")), { kind: "basic", name: "ä", password: "b:c" });
});

test("with neither users nor a token everybody is let in; with either, only who can show it", async () => {
  const { parts: openDoor } = door();
  const nobody = { guard: openDoor.guard };
  assert.deepEqual(await ask(nobody), { kind: "in", name: "admin port" });

  const cases: [string | undefined, object][] = [
    [undefined, { kind: "unknown" }],
    [`Bearer ${TOKEN}`, { kind: "in", name: "admin token" }],
    [`Bearer ${TOKEN}x`, { kind: "wrong", name: "" }],
    [basic(`carol:${TOKEN}`), { kind: "in", name: "carol" }],
    [basic("anna:right"), { kind: "in", name: "anna" }],
    [basic("anna:wrong"), { kind: "wrong", name: "anna" }],
    [basic("nobody:right"), { kind: "wrong", name: "nobody" }],
    // A password is not a token.
    ["Bearer right", { kind: "wrong", name: "" }],
    ["Negotiate x", { kind: "wrong", name: "" }],
  ];
  for (const [header, expected] of cases) assert.deepEqual(await ask(door().parts, header), expected, header);
});

test("each guess is counted, what is known to be right is not", async () => {
  const { parts, tries } = door();
  await ask(parts, `Bearer ${TOKEN}`);
  await ask(parts, basic("known:right"));
  assert.deepEqual(tries, []);
  await ask(parts, basic("anna:wrong"));
  await ask(parts, "Bearer guess-guess-guess");
  assert.deepEqual(tries, ["192.0.2.1 anna", "192.0.2.1 "]);
});

test("who has guessed too often is told when to come again, also with the right password", async () => {
  const { parts } = door({ guard: { attempt: async () => ({ lockedForMs: 90_500 }) } });
  assert.deepEqual(await ask(parts, basic("anna:right")), { kind: "later", seconds: 91 });
});
