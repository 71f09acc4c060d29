/**
 * A TLS report as a mail. RFC 8460 section 5.3, RFC 6522 (multipart/report),
 * RFC 8689 (TLS-Required).
 */
import MimeNode from "nodemailer/lib/mime-node";
import type { Domain } from "../dns/answer.ts";

export type TlsReportMail = {
  /** Who reports: name and address. */
  from: { name: string; address: string };
  to: string;
  /** On whom. */
  domain: Domain;
  /** The mail domain that reports. */
  submitter: Domain;
  reportId: string;
  fileName: string;
  /** JSON, gzipped. */
  report: Buffer;
  /** For people, in plain words. Lines end in LF. */
  summary: string;
  now: number;
  messageId: string;
};

/** The whole mail, CRLF line ends. It must be signed before it is sent (RFC 8460 section 3). */
export async function buildTlsReportMail(mail: TlsReportMail): Promise<Buffer> {
  const { from, to, domain, submitter, reportId, fileName } = mail;
  const root = new MimeNode("multipart/report; report-type=tlsrpt", {
    newline: "win",
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  root.setHeader("From", from);
  // As an object: text would be parsed.
  root.setHeader("To", { name: "", address: to });
  root.setHeader("Subject", `Report Domain: ${domain} Submitter: ${submitter} Report-ID: <${reportId}>`);
  root.setHeader("Date", new Date(mail.now));
  root.setHeader("Message-ID", mail.messageId);
  root.setHeader("TLS-Report-Domain", domain);
  root.setHeader("TLS-Report-Submitter", submitter);
  // Those who relay it further are asked for the same. RFC 8689 section 5.
  root.setHeader("TLS-Required", "No");
  root.setHeader("Auto-Submitted", "auto-generated");
  root.createChild("text/plain; charset=utf-8").setContent(mail.summary.replaceAll("\n", "\r\n"));
  root
    .createChild("application/tlsrpt+gzip", { filename: fileName })
    .setHeader("Content-Transfer-Encoding", "base64")
    .setContent(mail.report);
  return root.build();
}
