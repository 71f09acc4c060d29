/** What the main process and the others say to each other. */
import type { Config } from "../config/config.ts";
import type { MetricsSnapshot } from "../observe/metrics.ts";
import type { StoreTarget } from "./store.ts";
import type { Submission } from "./submission.ts";

/** The main process to one of the others. */
export type Order =
  /** The first one. `process` counts from 1 to `of`; `config` is that of the whole relay. */
  | { kind: "begin"; process: number; of: number; config: Config; redis: StoreTarget }
  | { kind: "reload"; config: Config }
  /** Another process has ended: its mail waits for someone. */
  | { kind: "take-over" }
  /** Asks for what has been counted. */
  | { kind: "count" }
  /** Drains, and ends. */
  | { kind: "stop" };

/** One of the others to the main process. */
export type Word =
  /** It can hear. */
  | { kind: "here" }
  | { kind: "ready"; addresses: Submission["addresses"] }
  /** It cannot start, and ends. With an exit code where the reason is none of its own. */
  | { kind: "failed"; why: string; exitCode?: number }
  | { kind: "counted"; metrics: MetricsSnapshot };
