/**
 * The configuration of a relay that lives in the lab.
 */
import type { LabSettings } from "../lab/lab.ts";

export type LabRelaySettings = LabSettings & {
  caFile: string;
  /** Where the relay's own Redis keeps its data. */
  redisDir: string;
  /** The port on 127.0.0.1 where it takes mail. */
  port: number;
};

/** JSON is YAML: values are written as JSON, so that none needs a thought about quotes. */
export function labConfig(settings: LabRelaySettings): string {
  const { caFile, redisDir, port, dnsServers, policyPort, deliveryPort, allow } = settings;
  return `# A relay in the lab. Written by \`sts-relay lab\`.
hostname: relay.lab.test
submission:
  listeners: ${JSON.stringify([{ host: "127.0.0.1", port }])}
delivery:
  port: ${deliveryPort}
mtaSts:
  policyPort: ${policyPort}
  # One of the policy hosts never comes to an end.
  fetchTimeout: 5s
tls:
  caFile: ${JSON.stringify(caFile)}
dns:
  servers: ${JSON.stringify(dnsServers)}
network:
  allow: ${JSON.stringify(allow)}
# Sooner than a relay outside should, to have something to look at.
retry:
  schedule: ["10s", "1m", "5m"]
redis:
  dir: ${JSON.stringify(redisDir)}
`;
}
