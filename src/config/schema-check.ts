/**
 * Settings for looking at domains before mail does (`sts-relay check`).
 */
import * as z from "zod";
import { duration, hostName } from "./kinds.ts";
import { section, setting } from "./setting.ts";

export const check = section("Which domains to look at by the clock, as `sts-relay check` does.", {
  watch: setting(z.array(hostName()), {
    says: "Domains to check: what changes between two checks is logged as `check-changed`.",
    default: [],
    example: ["example.com", "partner.example"],
  }),
  every: setting(duration("1m", "7d"), { says: "How often.", default: "6h" }),
});
