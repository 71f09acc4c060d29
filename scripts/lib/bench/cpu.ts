/**
 * CPU time of groups of processes: by cgroup where there is one (version 1 or
 * 2), else summed over the process trees as /proc shows them.
 */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `relay`: what is measured. `load`: the source. `world`: sink, DNS, policy hosts. */
export type Group = "relay" | "load" | "world";
const GROUPS: Group[] = ["relay", "load", "world"];

export type CpuMeter = {
  how: "cgroup v1" | "cgroup v2" | "/proc";
  /** The command, to be run so that it and its descendants belong to the group. */
  within(group: Group, command: string[]): string[];
  /** For processes that left the tree they were started in, such as a daemon. */
  adopt(group: Group, pid: number): void;
  seconds(group: Group): number;
  pids(group: Group): number[];
};

export type CpuSource = "auto" | "v1" | "v2" | "proc";

const CGROUP_OF: Record<"v1" | "v2", RegExp> = {
  v1: /^\S+ (\S+) cgroup \S*\bcpuacct\b/m,
  v2: /^\S+ (\S+) cgroup2 /m,
};

/** Cgroups that are made are named in `listFile`, for whoever removes them in the end. */
export function openCpuMeter(wanted: CpuSource, name: string, listFile: string): CpuMeter {
  const versions = wanted === "auto" ? (["v1", "v2"] as const) : wanted === "proc" ? [] : [wanted];
  for (const version of versions) {
    const root = CGROUP_OF[version].exec(readFileSync("/proc/mounts", "utf8"))?.[1];
    try {
      if (root !== undefined) return cgroupMeter(version, join(root, name), listFile);
    } catch (error) {
      // Read-only, as in most containers.
      if (wanted !== "auto") throw error;
    }
  }
  if (wanted === "v1" || wanted === "v2") throw new Error(`there is no cgroup ${wanted} here`);
  return processMeter();
}

function cgroupMeter(version: "v1" | "v2", root: string, listFile: string): CpuMeter {
  const dirOf = (group: Group) => join(root, group);
  for (const dir of [root, ...GROUPS.map(dirOf)]) {
    mkdirSync(dir, { recursive: true });
    // Children stand before their parent.
    const known = existing(listFile);
    writeFileSync(listFile, `${dir}\n${known}`);
  }
  const enter = 'echo $$ >"$0/cgroup.procs" && exec "$@"';
  return {
    how: version === "v1" ? "cgroup v1" : "cgroup v2",
    within: (group, command) => ["sh", "-c", enter, dirOf(group), ...command],
    adopt: () => undefined,
    seconds: (group) =>
      version === "v1"
        ? Number(readFileSync(join(dirOf(group), "cpuacct.usage"), "utf8")) / 1e9
        : Number(/^usage_usec (\d+)$/m.exec(readFileSync(join(dirOf(group), "cpu.stat"), "utf8"))?.[1]) / 1e6,
    pids: (group) =>
      readFileSync(join(dirOf(group), "cgroup.procs"), "utf8")
        .split("\n")
        .filter(Boolean)
        .map(Number),
  };
}

function existing(file: string): string {
  appendFileSync(file, "");
  return readFileSync(file, "utf8");
}

function processMeter(): CpuMeter {
  const roots: Record<Group, Set<number>> = { relay: new Set(), load: new Set(), world: new Set() };
  return {
    how: "/proc",
    within: (_group, command) => command,
    adopt: (group, pid) => void roots[group].add(pid),
    seconds: (group) => secondsOf(below(roots[group])),
    pids: (group) => below(roots[group]).map(({ pid }) => pid),
  };
}

type Process = { pid: number; parent: number; ticks: number };

/** Linux counts in hundredths of a second towards programs, on every architecture in use. */
const TICKS_PER_SECOND = 100;

/** Fields 4 and 14 to 17 of proc(5): the parent, own time, and that of children that have ended. */
export function parseStat(pid: number, stat: string): Process {
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
  return { pid, parent: fields[1] ?? 0, ticks };
}

export function secondsOf(processes: Process[]): number {
  return processes.reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

function below(roots: Set<number>): Process[] {
  const all = allProcesses();
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const belongs = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (roots.has(pid) || belongs(parents.get(pid)));
  return all.filter(({ pid }) => belongs(pid));
}

function allProcesses(): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [parseStat(Number(name), readFileSync(`/proc/${name}/stat`, "utf8"))];
      } catch {
        // It has just ended.
        return [];
      }
    });
}

/** Of the whole machine, whoever uses it. */
export function machineSeconds(): number {
  const fields = (readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "").trim().split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}
