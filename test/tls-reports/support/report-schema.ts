/** The structure of a report as RFC 8460 section 4.4 lays it down, nothing more allowed than is there. */
import * as z from "zod";

const time = z.iso.datetime();
const count = z.int().nonnegative();
const RESULT_TYPES = [
  "starttls-not-supported",
  "certificate-host-mismatch",
  "certificate-expired",
  "certificate-not-trusted",
  "validation-failure",
  "tlsa-invalid",
  "dnssec-invalid",
  "dane-required",
  "sts-policy-fetch-error",
  "sts-policy-invalid",
  "sts-webpki-invalid",
] as const;

export const reportSchema = z.strictObject({
  "organization-name": z.string(),
  "date-range": z.strictObject({ "start-datetime": time, "end-datetime": time }),
  "contact-info": z.string(),
  "report-id": z.string().regex(/^[A-Za-z0-9.-]+@[a-z0-9.-]+$/),
  policies: z.array(
    z.strictObject({
      policy: z.strictObject({
        "policy-type": z.enum(["tlsa", "sts", "no-policy-found"]),
        "policy-string": z.array(z.string()).optional(),
        "policy-domain": z.string().regex(/^[a-z0-9.-]+$/),
        "mx-host": z.array(z.string()).optional(),
      }),
      summary: z.strictObject({ "total-successful-session-count": count, "total-failure-session-count": count }),
      "failure-details": z.array(
        z.strictObject({
          "result-type": z.enum(RESULT_TYPES),
          "sending-mta-ip": z.union([z.ipv4(), z.ipv6()]).optional(),
          "receiving-mx-hostname": z.string().optional(),
          "receiving-mx-helo": z.string().optional(),
          "receiving-ip": z.union([z.ipv4(), z.ipv6()]).optional(),
          "failed-session-count": count,
          "additional-information": z.string().optional(),
          "failure-reason-code": z.string().optional(),
        }),
      ),
    }),
  ),
});

export type Report = z.infer<typeof reportSchema>;
