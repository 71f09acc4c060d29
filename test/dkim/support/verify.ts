/** An independent verifier: mailauth, with the key records as data in the place of the DNS. */
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { type DkimKey, keyRecord, keyRecordName } from "../../../src/dkim/key.ts";

export type Verified = { result: string; domain: string; selector: string; algorithm: string; why: string };

/** What it says of each signature, in the order in which they stand. */
export async function verify(message: Buffer, records: Record<string, string>): Promise<Verified[]> {
  const { results } = await dkimVerify(message, {
    resolver: async (name: string, type: string) => {
      const record = records[name];
      if (type !== "TXT" || record === undefined) throw Object.assign(new Error("no record"), { code: "ENOTFOUND" });
      return [[record]];
    },
  });
  return results.map((each) => ({
    result: each.status.result,
    domain: each.signingDomain ?? "",
    selector: each.selector ?? "",
    algorithm: each.algo ?? "",
    why: each.status.comment ?? "",
  }));
}

/** The records of these keys, by name. */
export function recordsOf(keys: DkimKey[]): Record<string, string> {
  return Object.fromEntries(
    keys.map(({ selector, domain, privateKey }) => [keyRecordName(selector, domain), keyRecord(privateKey)]),
  );
}
