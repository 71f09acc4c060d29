/** What a failed fetch is blamed on: it decides what the domain's owner is told to do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAddressGuard } from "../../src/dns/address-guard.ts";
import { createResolver } from "../../src/dns/resolver.ts";
import { startLab } from "../../src/lab/lab.ts";
import type { FetchCause } from "../../src/mta-sts/answer.ts";
import { createPolicyFetch } from "../../src/mta-sts/policy-fetch.ts";
import { createTrust } from "../../src/tls/trust.ts";

const CAUSES: Record<string, FetchCause> = {
  "policy-redirect.test": "redirect",
  "policy-404.test": "status",
  "policy-500.test": "status",
  "policy-html.test": "media-type",
  "policy-too-big.test": "answer",
  "policy-drip.test": "unreachable",
  "policy-unparsable.test": "policy",
  "policy-no-mx.test": "policy",
  "policy-self-signed.test": "certificate-untrusted",
  "policy-other-ca.test": "certificate-untrusted",
  "policy-expired.test": "certificate-expired",
  "policy-wrong-name.test": "certificate-name",
  "policy-cn-only.test": "certificate-name",
  "policy-private-address.test": "address-refused",
  "policy-unreachable.test": "unreachable",
  "no-policy.test": "no-address",
};

test("each way a fetch fails has its cause (RFC 8461 section 3.3)", async () => {
  await using lab = await startLab({ only: Object.keys(CAUSES) });
  const fetchPolicy = createPolicyFetch({
    dns: createResolver({ servers: lab.settings.dnsServers }),
    guard: createAddressGuard({ allow: lab.settings.allow }),
    port: lab.settings.policyPort,
    secureContext: createTrust(lab.settings.caPem).strict,
    timeoutMs: 500,
  });
  for (const [domain, cause] of Object.entries(CAUSES)) {
    const result = await fetchPolicy(domain);
    assert.equal(result.kind === "failed" && result.failure.cause, cause, domain);
  }
});
