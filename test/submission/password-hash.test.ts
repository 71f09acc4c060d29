import assert from "node:assert/strict";
import { test } from "node:test";
import {
  hashPassword,
  passwordHashProblem,
  unknowableHash,
  verifyPassword,
} from "../../src/submission/password-hash.ts";

/** `right`, at the least cost that is allowed. */
const CHEAP = "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$NxheqC03Kq6y6MF1Ni36TkbiynSBfkym1GpETMHqiQ8";

test("a password fits its own hash and no other", async () => {
  const hash = await hashPassword("correct horse");
  assert.match(hash, /^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.equal(passwordHashProblem(hash), undefined);
  assert.equal(await verifyPassword("correct horse", hash), true);
  assert.equal(await verifyPassword("correct horsE", hash), false);
  assert.equal(await verifyPassword("", hash), false);
  assert.notEqual(await hashPassword("correct horse"), hash, "each hash has a salt of its own");
});

test("a hash is verified at its own cost", async () => {
  assert.equal(await verifyPassword("right", CHEAP), true);
  assert.equal(await verifyPassword("wrong", CHEAP), false);
});

test("a published test vector is verified (RFC 7914 section 12)", async () => {
  const hash =
    "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$" +
    "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofL" +
    "VQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw";
  assert.equal(await verifyPassword("pleaseletmein", hash), true);
});

test("a password has one form, however it was typed (RFC 8265 section 4.2)", async () => {
  const hash = await hashPassword("\u00fc");
  assert.equal(await verifyPassword("u\u0308", hash), true);
});

test("a malformed hash is a problem before it is used", async () => {
  const cases: [hash: string, problem: RegExp][] = [
    ["", /hash-password/],
    ["secret", /hash-password/],
    ["$2b$12$abcdefghijklmnopqrstuv", /hash-password/],
    [CHEAP.slice(0, 40), /form/],
    [`${CHEAP}=`, /form/],
    [`${CHEAP}\n`, /form/],
    [CHEAP.replace("r=8", "r=0"), /form/],
    [CHEAP.replace("ln=10", "ln=9"), /cheap/],
    [CHEAP.replace("ln=10", "ln=19"), /costly/],
    [CHEAP.replace("p=1", "p=17"), /costly/],
  ];
  for (const [hash, problem] of cases) assert.match(passwordHashProblem(hash) ?? "", problem, hash);
  await assert.rejects(verifyPassword("x", "secret"), TypeError);
});

test("a hash for an unknown user costs what the model costs, and fits nothing", async () => {
  const hash = unknowableHash(CHEAP);
  assert.match(hash, /^\$scrypt\$ln=10,r=8,p=1\$/);
  assert.equal(await verifyPassword("right", hash), false);
  assert.match(unknowableHash(undefined), /^\$scrypt\$ln=15,r=8,p=1\$/);
});
