/**
 * Makes DKIM keys: files that are there are left alone, since a key that is lost
 * makes mail fail until the new record has spread.
 */
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { toDomain } from "../dns/name.ts";
import {
  generateDkimKey,
  isSelector,
  keyRecord,
  keyRecordName,
  type KeyType,
  readDkimKey,
  zoneFileLine,
} from "../dkim/key.ts";
import { EXIT } from "./exit-codes.ts";

type Wanted = {
  domain: string;
  selector: string | undefined;
  type: string;
  dir: string;
  forReports: boolean;
};

type Made = { selector: string; file: string; record: string };

export async function makeKeys(wanted: Wanted, now: () => number = Date.now): Promise<number> {
  const domain = toDomain(wanted.domain);
  const { selector = `relay${new Date(now()).toISOString().slice(0, 7).replace("-", "")}` } = wanted;
  if (domain === undefined || !domain.includes(".")) return usage(`${wanted.domain} is not a domain`);
  if (!isSelector(selector)) return usage(`${selector} is not a selector: letters, digits and hyphens`);
  const types = TYPES[wanted.type];
  if (types === undefined) return usage(`${wanted.type} is no type of key: rsa, ed25519 or both`);

  const made: Made[] = [];
  for (const type of types) {
    const name = types.length > 1 && type === "ed25519" ? `${selector}-ed25519` : selector;
    const file = resolve(join(wanted.dir, `${domain}.${name}.pem`));
    const pem = generateDkimKey(type);
    try {
      await writeFile(file, pem, { mode: 0o600, flag: "wx" });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const why = code === "EEXIST" ? "is there already, and is left as it is" : `cannot be written (${code})`;
      process.stdout.write(explain(domain, made, wanted.forReports));
      process.stderr.write(`sts-relay dkim keygen: ${file} ${why}\n`);
      return EXIT.failed;
    }
    made.push({ selector: name, file, record: recordOf(pem, name, domain, wanted.forReports) });
  }
  process.stdout.write(explain(domain, made, wanted.forReports));
  return EXIT.ok;
}

const TYPES: Record<string, KeyType[]> = { rsa: ["rsa"], ed25519: ["ed25519"], both: ["rsa", "ed25519"] };

function usage(wrong: string): number {
  process.stderr.write(`sts-relay dkim keygen: ${wrong}\n`);
  return EXIT.usage;
}

function recordOf(pem: string, selector: string, domain: string, forReports: boolean): string {
  const read = readDkimKey(pem);
  if ("wrong" in read) throw new Error(`the new key ${read.wrong}`);
  // `email` stays in it: a verifier that knows nothing of reports looks for that.
  const services = forReports ? ["email", "tlsrpt"] : [];
  return zoneFileLine(keyRecordName(selector, domain), keyRecord(read.privateKey, services));
}

/** Lines that begin with `;` are comments in a zone file. */
function explain(domain: string, made: Made[], forReports: boolean): string {
  return made
    .flatMap(({ selector, file, record }) => [
      `; The private key is in ${file}. Set this record first:`,
      record,
      "; and when it is published, in the configuration:",
      ...settings(domain, selector, file, forReports).map((line) => `;   ${line}`),
    ])
    .map((line) => `${line}\n`)
    .join("");
}

function settings(domain: string, selector: string, file: string, forReports: boolean): string[] {
  return forReports
    ? ["tlsReports:", "  dkim:", `    selector: ${selector}`, `    keyFile: ${file}`]
    : ["dkim:", `- domain: ${domain}`, `  selector: ${selector}`, `  keyFile: ${file}`];
}
