/** Reads a report as mail programs do: Python's `email` package, which is not ours. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

export type ReadReport = {
  headers: Record<string, string>;
  /** Of the whole and its parts, in order. */
  types: string[];
  encodings: (string | null)[];
  text: string;
  /** The fields of each group, that of the message first. RFC 3464 section 2.1. */
  groups: Record<string, string>[];
  /** The last part: the message that was returned, or its header section. */
  original: string | null;
  defects: string[];
};

const SCRIPT = `
import base64, email, email.policy, json, sys
out = []
for line in sys.stdin:
    message = email.message_from_bytes(base64.b64decode(line), policy=email.policy.SMTPUTF8)
    parts = list(message.iter_parts())
    status = parts[1]
    defects = [str(d) for part in message.walk() for d in part.defects]
    original = None
    if len(parts) > 2:
        last = parts[2]
        if last.get_content_type() in ("message/rfc822", "message/global", "message/global-headers"):
            original = last.get_payload(0).as_bytes().decode("utf-8", "replace")
        else:
            original = last.get_payload(decode=True).decode("utf-8", "replace")
    out.append({
        "headers": {name.lower(): value for name, value in message.items()},
        "types": [message.get_content_type()] + [part.get_content_type() for part in parts],
        "encodings": [part["content-transfer-encoding"] for part in parts],
        "text": parts[0].get_content(),
        "groups": [{name: str(value) for name, value in group.items()} for group in status.get_payload()],
        "original": original,
        "defects": defects,
    })
json.dump(out, sys.stdout)
`;

/** Several at once: starting Python takes longer than reading. */
export function readReports(reports: Buffer[]): ReadReport[] {
  const input = reports.map((report) => `${report.toString("base64")}\n`).join("");
  const { status, stdout, stderr } = spawnSync("python3", ["-c", SCRIPT], { input, encoding: "utf8", timeout: 20_000 });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as ReadReport[];
}

export function readReport(report: Buffer): ReadReport {
  const [read] = readReports([report]);
  assert.ok(read);
  return read;
}
