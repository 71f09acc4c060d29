/** A report mail as Python's `email`, `gzip` and `json` read it: parsers nobody here wrote. */
import { spawnSync } from "node:child_process";

export type ReadMail = {
  headers: Record<string, string>;
  type: string;
  reportType: string | null;
  parts: { type: string; fileName: string | null; text: string }[];
  defects: string[];
};

const SCRIPT = `
import email, email.policy, gzip, json, sys
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.SMTP)
def text(part):
    raw = part.get_payload(decode=True)
    return gzip.decompress(raw).decode() if raw[:2] == b"\\x1f\\x8b" else raw.decode()
parts = [{"type": p.get_content_type(), "fileName": p.get_filename(), "text": text(p)} for p in m.iter_parts()]
defects = [repr(d) for p in m.walk() for d in p.defects]
json.dump({"headers": {k.lower(): str(v) for k, v in m.items()}, "type": m.get_content_type(),
  "reportType": m.get_param("report-type"), "parts": parts, "defects": defects}, sys.stdout)
`;

export function readReportMail(data: Buffer): ReadMail {
  const { status, stdout, stderr } = spawnSync("python3", ["-c", SCRIPT], { input: data, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as ReadMail;
}
