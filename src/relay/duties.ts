/**
 * Who does what: the roles that a relay can have, and how its work is divided
 * when it is more than one process.
 */
import type { Config } from "../config/config.ts";

/** What a process does. Each has the queue, DNS and policies besides. */
export type Duties = {
  submission: boolean;
  delivery: boolean;
  /** What is done by the clock, and the posts to webhooks: once for all processes. */
  maintenance: boolean;
  publishing: boolean;
  adminPort: boolean;
};

export type Role = Config["role"];

/** Of a relay that is one process. */
export function dutiesOf(role: Role): Duties {
  return {
    submission: role !== "delivery",
    delivery: role !== "submission",
    maintenance: role !== "submission",
    publishing: role !== "delivery",
    adminPort: true,
  };
}

/** Of the main process, beside which others work: what there must be one of. */
export const mainDuties = (role: Role): Duties => ({ ...dutiesOf(role), submission: false, delivery: false });

/** Of each of those others. */
export const workerDuties = (role: Role): Duties => ({
  ...dutiesOf(role),
  maintenance: false,
  publishing: false,
  adminPort: false,
});
