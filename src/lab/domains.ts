/**
 * The lab's table of domains, in the order in which they are best read. Made
 * anew for each lab, because some hosts remember whom they have seen.
 */
import { changes } from "./domains/changes.ts";
import { inTesting, underEnforce } from "./domains/faults.ts";
import { underPolicy, withoutPolicy } from "./domains/good.ts";
import { withoutUsablePolicy } from "./domains/policy-faults.ts";
import { records } from "./domains/records.ts";
import { replies } from "./domains/replies.ts";
import type { LabDomain } from "./lab-domain.ts";

export function labDomains(): LabDomain[] {
  return [
    ...underPolicy(),
    ...underEnforce(),
    ...inTesting(),
    ...withoutPolicy(),
    ...records(),
    ...withoutUsablePolicy(),
    ...changes(),
    ...replies(),
  ];
}
