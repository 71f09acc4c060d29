import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAdminRelay } from "./support/admin.ts";
import { fillQueue } from "./support/fill-queue.ts";
import { connect } from "../src/store/connection.ts";
import { createPolicyStore } from "../src/store/policy-store.ts";
import { createTlsTally } from "../src/operate/tls-tally.ts";
import { createDomainTlsStore } from "../src/store/domain-tls.ts";
import { OPPORTUNISTIC } from "../src/tls/requirement.ts";
import { socketPathFor } from "../src/store/socket-path.ts";
await using relay = await startAdminRelay(undefined, { redis: { maxMemory: "2GiB" }, log: { level: "error" } });
const connection = await connect({ target: { socketPath: socketPathFor(join(relay.dir, "redis"), tmpdir()) }, onState: () => undefined });
const store = createPolicyStore(connection);
const now = Date.now();
const tally = createTlsTally({ store: createDomainTlsStore(connection) });
const N = 10_000;
for (let i = 0; i < N; i += 500) {
  await Promise.all(Array.from({ length: 500 }, (_, j) => {
    const domain = `domain-${i + j}.example`;
    tally.session({ domain, host: `mx.${domain}`, address: "192.0.2.1", requirement: OPPORTUNISTIC, facts: { secured: false, why: "not-offered", detail: "no" }, at: now });
    return store.put({ domain, id: "1", policy: { mode: i % 1000 ? "enforce" : "testing", mx: [`mx.${domain}`], maxAgeSeconds: 86400 }, text: "version: STSv1\nmode: enforce\nmx: mx\nmax_age: 86400\n", fetchedAt: now, expiresAt: now + 86400000 }, now + 43_000_000);
  }));
}
const t = performance.now(); await tally.flush(); console.log("tally flush 10k", performance.now() - t);
const time = async (name: string, path: string, ask = {}) => { const t = performance.now(); const r = await relay.ask(path, ask); console.log(name, r.status, Math.round(performance.now() - t), "ms", JSON.stringify(r.body).length); return r.body; };
await time("domains cold", "/api/domains?sort=verifiedShare");
await time("domains warm", "/api/domains?sort=expiresAt&order=desc&offset=5000");
await time("domains search", "/api/domains?search=999");
await time("domain", "/api/domains/domain-77.example");
await fillQueue(connection.redis, 100_000, (i) => (i % 2 === 0 ? "dead.example" : `d${i % 50}.example`));
for (const p of ["/api/queue", "/api/queue", "/api/overview", "/metrics", "/api/queue/jobs?limit=100"]) await time(p, p);
const q = await relay.ask("/api/queue");
const d = (q.body["destinations"] as { domain: string; queued: number }[])[0];
console.log(d?.domain, d?.queued);
await time("filter", `/api/queue/jobs?to=${d?.domain}`);
await time("retry", "/api/queue/retry", { method: "POST", body: { to: d?.domain } });
await time("drop", "/api/queue/drop", { method: "POST", body: { to: d?.domain } });
console.log(process.memoryUsage().rss / 1e6);
await connection.close();
