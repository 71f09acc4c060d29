/**
 * What is wrong with a configuration beyond single settings: settings that do
 * not go together, and files that are not what they should be. Asked by `start`
 * before it starts and by `check-config`.
 */
import type { Config } from "../config/config.ts";
import type { Problem, SettingPath } from "../config/problem.ts";
import { redisAddress } from "../store/redis-target.ts";
import { openRelayProblem } from "../submission/open-relay.ts";
import { passwordHashProblem } from "../submission/password-hash.ts";
import { adminProblems } from "./check-admin.ts";
import { authoritiesProblem, certificateProblems } from "./check-files.ts";
import { publishProblems } from "./check-publish.ts";
import { dkimProblems } from "./dkim-keys.ts";

export async function configProblems(config: Config, now: () => number = Date.now): Promise<Problem[]> {
  const files = await Promise.all([
    certificateFiles(config, now()),
    authorities(["tls", "caFile"], config.tls.caFile),
    authorities(["redis", "caFile"], config.redis.caFile),
    publishProblems(config, now()),
    dkimProblems(config),
  ]);
  return [
    ...redisProblems(config),
    ...roleProblems(config),
    ...listenerProblems(config),
    ...userProblems(config),
    ...adminProblems(config),
    ...files.flat(),
  ];
}

function redisProblems({ redis }: Config): Problem[] {
  if (redis.url === undefined) return [];
  try {
    redisAddress({ url: redis.url });
    return [];
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    return [error(["redis", "url"], what, "expected a URL like redis://user:password@host:6379/0")];
  }
}

/** Each half alone would be of no use: nobody else reaches the relay's own Redis. */
function roleProblems({ role, redis }: Config): Problem[] {
  if (role === "all" || redis.url !== undefined) return [];
  const what =
    role === "submission"
      ? "nothing would deliver the mail that is taken: the Redis that the relay runs itself is for it alone"
      : "there would be no mail to deliver: the Redis that the relay runs itself is for it alone";
  return [error(["role"], what, "set redis.url to the Redis of all machines, or role: all")];
}

function listenerProblems({ submission }: Config): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  for (const [index, { host, port, tls }] of submission.listeners.entries()) {
    const path = ["submission", "listeners", index];
    if (tls !== "none" && submission.certificate === undefined) {
      problems.push(
        error(
          [...path, "tls"],
          `${tls} needs a certificate`,
          "set submission.certificate.certFile and keyFile, or tls: none",
        ),
      );
    }
    if (port !== 0 && seen.has(`${host} ${port}`)) {
      problems.push(error(path, `${host}:${port} is in the list twice`, "expected each host and port once"));
    }
    seen.add(`${host} ${port}`);
  }
  const open = openRelayProblem({
    listeners: submission.listeners,
    trustedNetworks: submission.trustedNetworks,
    users: submission.users.length,
  });
  if (open !== undefined) problems.push(intakeProblem(open));
  return problems;
}

/** `openRelayProblem` begins with the setting to look at: `submission.trustedNetworks: ...`. */
function intakeProblem(sentence: string): Problem {
  const [, setting, what] = /^submission\.(\w+): (.*)$/s.exec(sentence) ?? [];
  return setting === undefined || what === undefined
    ? error(["submission"], sentence, "")
    : error(["submission", setting], what, "");
}

function userProblems({ submission }: Config): Problem[] {
  const problems: Problem[] = [];
  const names = new Set<string>();
  for (const [index, { name, passwordHash }] of submission.users.entries()) {
    const path = ["submission", "users", index];
    if (names.has(name))
      problems.push(error([...path, "name"], "a user has this name already", "expected each name once"));
    names.add(name);
    const wrong = passwordHashProblem(passwordHash);
    if (wrong !== undefined) {
      problems.push(error([...path, "passwordHash"], wrong, "expected the output of `sts-relay hash-password`"));
    }
  }
  return problems;
}

async function certificateFiles({ submission }: Config, now: number): Promise<Problem[]> {
  if (submission.certificate === undefined) return [];
  const problems = await certificateProblems(submission.certificate, now);
  return problems.map(({ file, severity, what }) => ({
    severity,
    path: ["submission", "certificate", file],
    what,
    right:
      severity === "warning" ? "clients that verify will not send" : "expected a certificate and its key, in PEM files",
  }));
}

async function authorities(path: SettingPath, file: string | undefined): Promise<Problem[]> {
  const what = file === undefined ? undefined : await authoritiesProblem(file);
  return what === undefined ? [] : [error(path, what, "expected a PEM file with one or more certificates")];
}

const error = (path: SettingPath, what: string, right: string): Problem => ({ severity: "error", path, what, right });
