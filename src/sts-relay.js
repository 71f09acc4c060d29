#!/usr/bin/env node
/**
 * Starts the command line with a Node.js that can run it. Plain JavaScript, for
 * an old Node.js cannot read TypeScript: where one is found here, the Node.js 24
 * among the installed packages is run in its place.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { constants, setPriority, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

const NEEDED = 24;
const EX_UNAVAILABLE = 69;
const major = Number(process.versions.node.split(".")[0]);
const fits = major >= NEEDED;

/** In MiB. */
const ROOM = ["--max-semi-space-size=32", "--min-semi-space-size=16"];
/**
 * All memory is looked through when it has grown to four times what was in use the last time. By itself V8 does so
 * whenever 64 MiB of texts have come and gone, every second with large messages, and each time mail waits for a
 * tenth of a second. Measured with this version.
 */
const SELDOM = major === 24 ? ["--external-memory-accounted-in-global-limit", "--heap-growing-percent=300"] : [];
/**
 * What V8 has found to live longer it makes as old at once. Of a relay that falls behind for a moment all does, and from
 * then on each text would stay until all memory is looked through. Measured with this version.
 */
const YOUNG = major === 24 ? ["--no-allocation-site-pretenuring"] : [];
/** With less memory than this, there is none to spare for it. */
const SPARES_BYTES = 1024 ** 3;
/**
 * V8's compiler in the middle: a relay spends its time in much code, a little in each piece, and
 * that compiler takes more than it gives, a twelfth of the work of a single process and more of
 * several. Measured with this version.
 */
const COMPILERS = major === 24 ? ["--no-maglev"] : [];

/** What is to run at its full speed; any other command gives way to a relay on the same machine. */
const FIRST = new Set(["start", "lab", "healthcheck"]);

if (fits) {
  suitV8();
  giveWay(process.argv[2] ?? "");
  // Halves the time to start. Beside the code, and so in the hands of whoever the code is: in a directory that
  // everybody writes to, anybody could put something that would be run. Where it cannot be written, there is none.
  module.enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/compiled", import.meta.url)));
  const { main } = await import("./main.ts");
  process.exitCode = await main(process.argv.slice(2));
} else {
  const installed = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));
  if (existsSync(installed)) runWith(installed);
  else complain(`sts-relay needs Node.js ${NEEDED} or later; this is ${process.version}`);
}

/**
 * A relay makes much that is soon garbage. With room for it, the collector comes
 * seldom and copies little: a tenth less work. Such things are set on the command
 * line, so the process begins anew, under its own number. Whoever sets the room
 * sets all.
 */
function suitV8() {
  const isRelay = process.argv[2] === "start" && process.execve !== undefined && process.platform !== "win32";
  const given = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((each) => each.includes("semi-space"));
  if (!isRelay || given) return;
  const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  const flags = [...ROOM, ...YOUNG, ...(memory < SPARES_BYTES ? [] : SELDOM), ...COMPILERS];
  const self = [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  process.execve(process.execPath, [process.execPath, ...flags, ...self], process.env);
}

/** @param {string} command */
function giveWay(command) {
  if (FIRST.has(command)) return;
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Where the system does not let it, it runs like any other.
  }
}

/** @param {string} node */
function runWith(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  child.on("error", (error) => complain(`${node} cannot be run (${error.message})`));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  });
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  for (const signal of ["SIGINT", "SIGHUP"]) {
    process.on(signal, () => {
      // A terminal sends these to the child as well, and a second SIGINT would mean "at once".
      if (!process.stdin.isTTY) child.kill(signal);
    });
  }
}

/** @param {string} what */
function complain(what) {
  process.stderr.write(
    `${what}.\nRun \`npm ci\` in the checkout, or \`scripts/start\`, which brings what is missing.\n`,
  );
  process.exitCode = EX_UNAVAILABLE;
}
