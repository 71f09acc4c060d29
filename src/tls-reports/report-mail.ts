/**
 * The report as a message for the queue: signed, without a sender who could be
 * bounced to, and delivered whatever is wrong with the recipient's TLS.
 * RFC 8460 sections 3 and 5.3.
 */
import { createHash } from "node:crypto";
import type { Signer } from "../dkim/signer.ts";
import type { AcceptedMessage } from "../mail/envelope.ts";
import { buildTlsReportMail } from "../mail/tls-report.ts";
import type { ReportKey } from "../tlsrpt/books.ts";
import { type Reporter, reportFileName, type TlsReport } from "../tlsrpt/report.ts";
import { summarise } from "./summary.ts";

export type ReportMailParts = {
  reporter: Reporter;
  /** The address in From; its domain is the submitter. */
  from: string;
  sign: Signer;
  now: () => number;
};

/** Rejects when it cannot be signed: receivers ignore a report without a signature. */
export async function reportMail(
  { reporter, from, sign, now }: ReportMailParts,
  key: ReportKey,
  report: TlsReport,
  body: Buffer,
  to: { uri: string; address: string },
): Promise<AcceptedMessage> {
  const id = reportMessageId(reporter, key, to.uri);
  const messageId = `<${id}@${reporter.submitter}>`;
  const data = await buildTlsReportMail({
    from: { name: reporter.organization, address: from },
    to: to.address,
    domain: key.domain,
    submitter: reporter.submitter,
    reportId: report["report-id"],
    fileName: reportFileName(reporter, key.day, key.domain),
    report: body,
    summary: summarise(report),
    now: now(),
    messageId,
  });
  const signed = await sign({
    id,
    // No sender: neither we nor anybody on the way bounces it.
    envelope: { from: "", to: [to.address], smtputf8: false, eightBit: false },
    data,
    acceptedAt: now(),
    origin: { messageId },
    tlsRequired: false,
  });
  if (!signed.data.toString("latin1", 0, 15).startsWith("DKIM-Signature:")) throw new Error("the report is not signed");
  return signed;
}

/** The same for the same report to the same place: the queue takes it once. */
function reportMessageId({ submitter }: Reporter, { day, domain }: ReportKey, uri: string): string {
  const digest = createHash("sha256").update(`${submitter} ${day} ${domain} ${uri}`).digest("hex");
  return `t${day.replaceAll("-", "")}${digest.slice(0, 16)}`;
}
