import assert from "node:assert/strict";
import { test } from "node:test";
import { buildReport, reportFileName, reportId, type PolicyResults } from "../../src/tlsrpt/report.ts";
import { NO_POLICY, stsPolicy, tidyDetail } from "../../src/tlsrpt/result.ts";
import { reportSchema } from "../tls-reports/support/report-schema.ts";

const reporter = { organization: "Sender, Inc.", contact: "tls@sender.example", submitter: "sender.example" };
const DAY = "2026-11-22";

test("a report has the structure of RFC 8460 section 4.4 (RPT-JSON-1)", () => {
  const text = "version: STSv1\r\nmode: enforce\r\nmx: *.example.com\r\nmax_age: 86400\r\n\r\n";
  const policy = { mode: "enforce" as const, mx: ["*.example.com"], maxAgeSeconds: 86_400 };
  const known = { domain: "example.com", id: "1", policy, text, fetchedAt: 0, expiresAt: 86_400_000 };
  const detail = {
    resultType: "certificate-expired" as const,
    sendingMtaIp: "192.0.2.1",
    receivingMxHostname: "mx.example.com",
    receivingMxHelo: "mx",
    receivingIp: "2001:db8::1",
    reason: "it expired",
  };
  const results: PolicyResults[] = [
    { policy: stsPolicy(known), successful: 5326, failed: 303, failures: [{ detail, count: 303 }] },
    {
      policy: { type: "tlsa", strings: ["3 1 1 ABCD"], mxHosts: ["mx.example.com"] },
      successful: 1,
      failed: 0,
      failures: [],
    },
    {
      policy: NO_POLICY,
      successful: 0,
      failed: 2,
      failures: [{ detail: { resultType: "starttls-not-supported" }, count: 2 }],
    },
  ];
  const report = reportSchema.parse(JSON.parse(JSON.stringify(buildReport(reporter, DAY, "example.com", results))));
  assert.deepEqual(report, {
    "organization-name": "Sender, Inc.",
    "date-range": { "start-datetime": "2026-11-22T00:00:00Z", "end-datetime": "2026-11-22T23:59:59Z" },
    "contact-info": "tls@sender.example",
    "report-id": reportId(reporter, DAY, "example.com"),
    policies: [
      {
        policy: {
          "policy-type": "sts",
          "policy-string": ["version: STSv1", "mode: enforce", "mx: *.example.com", "max_age: 86400"],
          "policy-domain": "example.com",
          "mx-host": ["*.example.com"],
        },
        summary: { "total-successful-session-count": 5326, "total-failure-session-count": 303 },
        "failure-details": [
          {
            "result-type": "certificate-expired",
            "sending-mta-ip": "192.0.2.1",
            "receiving-mx-hostname": "mx.example.com",
            "receiving-mx-helo": "mx",
            "receiving-ip": "2001:db8::1",
            "failed-session-count": 303,
            "failure-reason-code": "it expired",
          },
        ],
      },
      {
        policy: {
          "policy-type": "tlsa",
          "policy-string": ["3 1 1 ABCD"],
          "policy-domain": "example.com",
          "mx-host": ["mx.example.com"],
        },
        summary: { "total-successful-session-count": 1, "total-failure-session-count": 0 },
        "failure-details": [],
      },
      {
        policy: { "policy-type": "no-policy-found", "policy-domain": "example.com" },
        summary: { "total-successful-session-count": 0, "total-failure-session-count": 2 },
        "failure-details": [{ "result-type": "starttls-not-supported", "failed-session-count": 2 }],
      },
    ],
  });
});

test("a policy of thousands of lines is not repeated in the report", () => {
  const known = {
    domain: "example.com",
    id: "1",
    policy: { mode: "enforce" as const, mx: ["a.example"], maxAgeSeconds: 1 },
    text: "mx: a.example\n".repeat(4000),
    fetchedAt: 0,
    expiresAt: 1,
  };
  assert.deepEqual(stsPolicy(known), { type: "sts", strings: [], mxHosts: [] });
});

test("what a stranger's host calls itself is cleaned and bounded (RPT-COL-2)", () => {
  const { receivingMxHelo, reason } = tidyDetail({
    resultType: "validation-failure",
    receivingMxHelo: "mx\u0000\u202eé\r\n.example",
    reason: "x".repeat(5000),
  });
  assert.equal(receivingMxHelo, "mx????? .example".replace(" ", ""));
  assert.equal(reason?.length, 200);
});

test("the same report has the same id and file name, whoever makes it and when; another one has others (RPT-SEND-1)", () => {
  const name = reportFileName(reporter, DAY, "example.com");
  assert.equal(reportFileName({ ...reporter, organization: "other" }, DAY, "example.com"), name);
  assert.match(name, /^sender\.example!example\.com!1795305600!1795391999![A-Za-z0-9]+\.json\.gz$/);
  const ids = new Set(
    [
      reportId(reporter, DAY, "example.com"),
      reportId(reporter, "2026-11-23", "example.com"),
      reportId(reporter, DAY, "example.org"),
      reportId({ ...reporter, submitter: "other.example" }, DAY, "example.com"),
    ].map((id) => id.split("@")[0]),
  );
  assert.equal(ids.size, 4);
});
