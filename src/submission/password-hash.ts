/**
 * Passwords as they stand in the settings: scrypt (RFC 7914) in the PHC string
 * format, `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, base 64 without padding.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

type Cost = { ln: number; r: number; p: number };
type Parsed = Cost & { salt: Buffer; hash: Buffer };

/** About 50 ms and 32 MiB for one guess. */
const COST: Cost = { ln: 15, r: 8, p: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** A hash that asks for more than this would let each login attempt fill the memory. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;
const MAX_PARALLEL = 16;

const FORMAT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return format({ ...COST, salt, hash: await derive(password, { ...COST, salt, hash: Buffer.alloc(HASH_BYTES) }) });
}

/** Throws on a malformed hash: `passwordHashProblem` was asked when the settings were read. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const parsed = parse(hash);
  if (parsed === undefined) throw new TypeError("malformed password hash");
  return timingSafeEqual(await derive(password, parsed), parsed.hash);
}

/** What is wrong with a hash in the settings; `undefined` when it can be used. Never repeats the hash. */
export function passwordHashProblem(text: string): string | undefined {
  if (!text.startsWith("$scrypt$")) return "not a password hash; make one with `sts-relay hash-password`";
  const parsed = parse(text);
  if (parsed === undefined) return "not of the form $scrypt$ln=15,r=8,p=1$salt$hash; was it cut off?";
  if (parsed.ln < 10) return "too cheap to guess: ln must be at least 10";
  if (memoryOf(parsed) > MAX_MEMORY_BYTES || parsed.p > MAX_PARALLEL) return "too costly to verify";
  return undefined;
}

/** A hash that costs as much to verify as `model`, of a password nobody knows. */
export function unknowableHash(model: string | undefined): string {
  const cost = (model === undefined ? undefined : parse(model)) ?? COST;
  return format({ ...cost, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) });
}

function parse(text: string): Parsed | undefined {
  const [, ln, r, p, salt, hash] = FORMAT.exec(text) ?? [];
  if (salt === undefined || hash === undefined || Number(r) === 0 || Number(p) === 0) return undefined;
  const bytes = { salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") };
  return { ln: Number(ln), r: Number(r), p: Number(p), ...bytes };
}

function format(parsed: Parsed): string {
  const base64 = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
  return `$scrypt$ln=${parsed.ln},r=${parsed.r},p=${parsed.p}$${base64(parsed.salt)}$${base64(parsed.hash)}`;
}

/** In libuv's thread pool. One password has one form, however the client's keyboard composed it (RFC 8265 section 4.2). */
function derive(password: string, parsed: Parsed): Promise<Buffer> {
  const options = { N: 2 ** parsed.ln, r: parsed.r, p: parsed.p, maxmem: 2 * memoryOf(parsed) };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFC"), parsed.salt, parsed.hash.length, options, (err, key) =>
      err === null ? resolve(key) : reject(err),
    );
  });
}

const memoryOf = (cost: Cost) => 128 * 2 ** cost.ln * cost.r;
