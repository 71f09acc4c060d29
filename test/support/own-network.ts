/**
 * Programs of others that ask the system's resolver, at port 53, and fetch from
 * port 443: run in a network of their own, with nothing in it but loopback, they
 * find the lab there. Linux, and root.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "./real-programs.ts";

/** Why there can be no such network here; `undefined`: there can. */
export async function ownNetworkProblem(): Promise<string | undefined> {
  try {
    await runProgram("unshare", ["--net", "--mount", "true"]);
    return undefined;
  } catch {
    return "no network of its own can be made here (unshare)";
  }
}

/**
 * Runs a script of the tests in one, to its end, and gives what it prints.
 * @param nameserver an address: the system's resolver asks it, at port 53
 * @param dir for a file
 */
export async function runInOwnNetwork(script: URL, nameserver: string, dir: string): Promise<string> {
  const resolvConf = join(dir, "resolv.conf");
  await writeFile(resolvConf, `nameserver ${nameserver}\noptions timeout:1 attempts:2\n`);
  const steps = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && exec "$2" "$3"';
  const shell = ["sh", "-ec", steps, "sh", resolvConf, process.execPath, fileURLToPath(script)];
  return (await runProgram("unshare", ["--net", "--mount", "--", ...shell])).stdout;
}
