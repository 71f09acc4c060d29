/**
 * The keys that settings name: read at the start, so that a wrong one is found
 * before the first message, and mail signed with them as it enters the queue.
 */
import { readFile } from "node:fs/promises";
import type { Config } from "../config/config.ts";
import type { Problem, SettingPath } from "../config/problem.ts";
import { type DkimKey, readDkimKey } from "../dkim/key.ts";
import { createSigner, type Signer } from "../dkim/signer.ts";
import { domainOf } from "../mail/envelope.ts";
import type { MailQueue } from "../store/mail-queue.ts";
import { EXIT_CONFIG, StartError } from "./start-error.ts";

type KeyFile = { domain: string; selector: string; keyFile: string };

/** Throws a `StartError` for one that cannot be used. */
export async function readDkimKeys(files: KeyFile[]): Promise<DkimKey[]> {
  return Promise.all(
    files.map(async ({ domain, selector, keyFile }) => {
      const read = await readKeyFile(keyFile);
      if ("wrong" in read) throw new StartError(read.wrong, EXIT_CONFIG);
      return { domain, selector, ...read };
    }),
  );
}

/** The key of TLS reports, as one of `dkim`. */
export function reportKey({ from, dkim }: NonNullable<Config["tlsReports"]>): KeyFile {
  return { domain: domainOf(from), ...dkim };
}

/** Everything that enters the queue is signed where its domain has a key. TLS reports come signed. */
export function signingQueue(queue: MailQueue, sign: Signer): MailQueue {
  return {
    ...queue,
    add: async (message, options) => queue.add(await sign(message), options),
    addBounce: async (bounce, lifetimeMs, cause) => queue.addBounce(await sign(bounce), lifetimeMs, cause),
  };
}

export async function openSigner(config: Pick<Config, "dkim">): Promise<Signer> {
  return createSigner(await readDkimKeys(config.dkim));
}

export async function dkimProblems({ dkim, tlsReports }: Pick<Config, "dkim" | "tlsReports">): Promise<Problem[]> {
  const files: { path: SettingPath; keyFile: string }[] = dkim.map(({ keyFile }, index) => ({
    path: ["dkim", index, "keyFile"],
    keyFile,
  }));
  if (tlsReports !== undefined) {
    files.push({ path: ["tlsReports", "dkim", "keyFile"], keyFile: tlsReports.dkim.keyFile });
  }
  const read = await Promise.all(files.map(async (file) => ({ ...file, key: await readKeyFile(file.keyFile) })));
  const unusable = read.flatMap(({ path, key }) => ("wrong" in key ? [problem(path, key.wrong, KEY_FORM)] : []));
  const names = dkim.map(({ domain, selector }) => `${selector}._domainkey.${domain}`);
  const doubles = names.flatMap((name, index) =>
    names.indexOf(name) < index
      ? [problem(["dkim", index, "selector"], `${name} is in the list twice`, "expected a selector for each key")]
      : [],
  );
  return [...unusable, ...doubles];
}

const KEY_FORM = "expected a private key as `sts-relay dkim keygen` makes it";

const problem = (path: SettingPath, what: string, right: string): Problem => ({ severity: "error", path, what, right });

async function readKeyFile(file: string): Promise<ReturnType<typeof readDkimKey>> {
  try {
    const read = readDkimKey(await readFile(file, "utf8"));
    return "wrong" in read ? { wrong: `${file} ${read.wrong}` } : read;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { wrong: code === "ENOENT" ? `${file} does not exist` : `${file} cannot be read (${code})` };
  }
}
