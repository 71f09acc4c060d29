/** What the test of postfix-mta-sts-resolver and the script in its network agree on. */
import type { LabOptions } from "../../../src/lab/lab.ts";
import type { SettingsTree } from "../../support/relay.ts";

/** The ports that others ask at; no other lab is in that network. */
export const NETWORK = {
  subnet: "127.9.9",
  ports: { dns: 53, https: 443, smtp: 25 },
} as const satisfies LabOptions;

/** Published one after the other. */
export const POLICIES: [SettingsTree, ...SettingsTree[]] = [
  { mode: "testing", maxAge: "1d", mx: "dns" },
  { mode: "enforce", maxAge: "7d", mx: ["mx.ours.test", "*.mail.ours.test"] },
  { mode: "none", maxAge: "1d" },
];

export type Said = {
  /** Of the policy in question. */
  id: string;
  /** Asked by one who knows the id before; and again, by one who knows this one. */
  answer: string;
  again: string;
};
