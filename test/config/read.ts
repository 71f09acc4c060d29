/** Loads configurations written in a test. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { readConfig, type Draft } from "../../src/config/load.ts";
import { problemLine } from "../../src/config/problem.ts";

export const MACHINE = { hostname: "relay.example.test", memoryBytes: 2 * 1024 ** 3 };

/** A directory that is gone after the test. */
export function directory(t: TestContext, files: Record<string, string> = {}): string {
  const dir = mkdtempSync(join(tmpdir(), "sts-relay-config-"));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

/** Reads `yaml` as the file config/relay.yaml. */
export function read(t: TestContext, yaml: string, env: Record<string, string> = {}): Draft {
  return readConfig({ cwd: directory(t, { "config/relay.yaml": yaml }), env, machine: MACHINE });
}

export const lines = (draft: Draft): string[] => draft.problems.map(problemLine);
