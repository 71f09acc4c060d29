/** On what a measurement was made: machine, system, versions. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";

export type Machine = { what: string; is: string }[];

export function describeMachine(scratch: string, cpuTimeFrom: string): Machine {
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown";
  return [
    { what: "date", is: new Date().toISOString().slice(0, 10) },
    { what: "commit", is: firstLine("git", ["log", "-1", "--format=%h %cs"]) },
    { what: "processor", is: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? "unknown"}` },
    { what: "memory", is: `${gib} GiB` },
    { what: "system", is: `${system}, Linux ${release()}` },
    { what: "queues on", is: firstLine("stat", ["-f", "-c", "%T", scratch]) },
    { what: "Node.js", is: process.version },
    { what: "Redis", is: /v=(\S+)/.exec(firstLine("redis-server", ["--version"]))?.[1] ?? "unknown" },
    { what: "Postfix", is: packageVersion("postfix") },
    { what: "its policy daemon", is: `postfix-mta-sts-resolver ${packageVersion("postfix-mta-sts-resolver")}` },
    { what: "CPU time from", is: cpuTimeFrom },
  ];
}

function packageVersion(name: string): string {
  // dpkg-query's own way to write a field.
  return firstLine("dpkg-query", ["-W", "-f", ["$", "{Version}"].join(""), name]);
}

function firstLine(command: string, args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0] ?? "";
  } catch {
    return "unknown";
  }
}
