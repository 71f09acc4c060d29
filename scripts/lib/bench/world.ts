/**
 * The internet of a measurement, on loopback addresses of a network namespace:
 * DNS, policy hosts and mail hosts of four kinds of domains, a hundred of each.
 *
 *   d0.test …  MTA-STS policy in mode enforce, STARTTLS with a certificate that proves the host
 *   p0.test …  no policy, and no STARTTLS
 *   c0.test …  refuses connections
 *   t0.test …  accepts connections and never speaks
 */
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Authority, createAuthority } from "../../../src/lab/authority.ts";
import { listenOn } from "../../../src/lab/loopback-server.ts";
import { type CountingSink, startSink } from "./counting-sink.ts";
import type { Program, Programs } from "./programs.ts";

export const DNS_ADDRESS = "127.0.0.53";
const POLICY_ADDRESS = "127.0.0.44";
const DOMAINS = 100;

export type World = {
  sink: CountingSink;
  /** The authority's certificate alone, and among those that the machine trusts. */
  caFile: string;
  caBundleFile: string;
};

export async function startWorld(parts: { programs: Programs; scratch: string }, seconds: number): Promise<World> {
  const { programs, scratch } = parts;
  const authority = await createAuthority("benchmark CA");
  const caFile = join(scratch, "ca.pem");
  const caBundleFile = join(scratch, "ca-bundle.pem");
  await writeFile(caFile, authority.caPem);
  await writeFile(
    caBundleFile,
    authority.caPem + (await readFile("/etc/ssl/certs/ca-certificates.crt", "utf8").catch(() => "")),
  );
  const certificate = await issueForHosts(authority, scratch);
  const ranges = [`127.0.1.1-${DOMAINS}=tls`, `127.0.2.1-${DOMAINS}=plain`, `127.0.8.1-${DOMAINS}=silent`];
  const sink = await startSink(parts, ranges, certificate, seconds);
  await servePolicies(authority);
  const dnsFile = join(scratch, "dnsmasq.conf");
  await writeFile(dnsFile, zones());
  const dns = programs.start("world", ["dnsmasq", "--keep-in-foreground", `--conf-file=${dnsFile}`], {
    log: join(scratch, "dns.log"),
  });
  await answers(programs, dns);
  return { sink, caFile, caBundleFile };
}

async function issueForHosts(authority: Authority, scratch: string) {
  const { certPem, keyPem } = await authority.issue({ names: ["*.sink.test"] });
  const files = { certFile: join(scratch, "mx.pem"), keyFile: join(scratch, "mx.key") };
  await writeFile(files.certFile, certPem);
  await writeFile(files.keyFile, keyPem);
  return files;
}

/** In this process, whose CPU time is nobody's: each relay fetches each policy once. */
async function servePolicies(authority: Authority): Promise<void> {
  const names = numbers().map((i) => `mta-sts.d${i}.test`);
  const { certPem, keyPem } = await authority.issue({ names });
  const policy = "version: STSv1\r\nmode: enforce\r\nmx: *.sink.test\r\nmax_age: 604800\r\n";
  const server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
    const isPolicy = request.url === "/.well-known/mta-sts.txt";
    response.writeHead(isPolicy ? 200 : 404, { "content-type": "text/plain" }).end(isPolicy ? policy : "");
  });
  await listenOn(server, { host: POLICY_ADDRESS, port: 443 });
}

/** RFC 8461 section 3.1 for the d domains; a quarter of an hour's TTL, so that DNS is not what is measured. */
function zones(): string {
  const general = ["no-resolv", "no-hosts", "local=/test/", `listen-address=${DNS_ADDRESS}`, "bind-interfaces"];
  const kinds = { d: "127.0.1", p: "127.0.2", c: "127.0.7", t: "127.0.8" };
  const domains = Object.entries(kinds).flatMap(([kind, network]) =>
    numbers().flatMap((i) => [
      `mx-host=${kind}${i}.test,${kind}${i}.sink.test,10`,
      `address=/${kind}${i}.sink.test/${network}.${i + 1}`,
    ]),
  );
  const policies = numbers().flatMap((i) => [
    `txt-record=_mta-sts.d${i}.test,"v=STSv1; id=20261122T000000;"`,
    `address=/mta-sts.d${i}.test/${POLICY_ADDRESS}`,
  ]);
  const rest = [
    "mx-host=source.test,d0.sink.test,10",
    "local-ttl=900",
    "user=root",
    "pid-file=",
    "dns-forward-max=1000",
  ];
  return `${[...general, ...domains, ...policies, ...rest].join("\n")}\n`;
}

const numbers = () => Array.from({ length: DOMAINS }, (_, i) => i);

async function answers(programs: Programs, dns: Program): Promise<void> {
  for (let tries = 0; tries < 20 && dns.child.exitCode === null; tries++) {
    const printed = await programs
      .run("world", ["dig", `@${DNS_ADDRESS}`, "+short", "+time=1", "+tries=1", "MX", "d0.test"])
      .catch(() => "");
    if (printed.includes("d0.sink.test")) return;
    await sleep(100);
  }
  throw new Error("dnsmasq does not answer");
}
