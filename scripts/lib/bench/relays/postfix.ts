/**
 * Postfix as the relay of a measurement: Debian's, with a queue and settings of
 * its own, once as it comes and twice tuned for much mail to few hosts. Where MTA-STS is
 * enforced it asks postfix-mta-sts-resolver, whose CPU time is Postfix's.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Program } from "../programs.ts";
import { greets, type PostfixVariant, type RunningRelay, SUBMISSION_PORT, type Surroundings } from "./kind.ts";

const POLICY_DAEMON_PORT = 8461;

export async function startPostfix(
  variant: PostfixVariant,
  surroundings: Surroundings,
  enforcesPolicies: boolean,
): Promise<RunningRelay> {
  const { programs, meter, scratch, world } = surroundings;
  const dir = join(scratch, "postfix");
  const config = join(dir, "etc");
  await rm(dir, { recursive: true, force: true });
  for (const name of ["etc", "queue", "data"]) await mkdir(join(dir, name), { recursive: true });
  await programs.run("world", ["chown", "postfix", join(dir, "data")]);
  await writeFile(join(config, "main.cf"), mainCf(variant, dir, world.caFile, enforcesPolicies));
  await writeFile(join(config, "master.cf"), masterCf(await readFile("/usr/share/postfix/master.cf.dist", "utf8")));
  // Debian has some kinds of tables as plugins, and this file says where.
  await copyFile("/etc/postfix/dynamicmaps.cf", join(config, "dynamicmaps.cf")).catch(() =>
    writeFile(join(config, "dynamicmaps.cf"), ""),
  );
  const policies = enforcesPolicies ? await startPolicyDaemon(dir, surroundings) : undefined;
  const postfix = (verb: string) =>
    programs.run("relay", ["postfix", "-c", config, verb], { env: { MAIL_CONFIG: config } });
  await postfix("start");
  const masterPid = Number(await readFile(join(dir, "queue/pid/master.pid"), "utf8"));
  meter.adopt("relay", masterPid);
  await greets(SUBMISSION_PORT);
  return {
    port: SUBMISSION_PORT,
    // Its processes are there, and policies, connections and TLS sessions known.
    warmUpMessages: 2_000,
    // "stop" comes back when the last process has ended.
    stop: async () => {
      await postfix("stop");
      await policies?.stop();
    },
  };
}

async function startPolicyDaemon(dir: string, { programs, world }: Surroundings): Promise<Program> {
  const file = join(dir, "mta-sts.yml");
  const cache = { type: "internal", options: { cache_size: 10_000 } };
  const zone = { strict_testing: false, timeout: 4 };
  const settings = { host: "127.0.0.1", port: POLICY_DAEMON_PORT, cache, default_zone: zone, zones: {} };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(settings));
  return programs.start("relay", ["mta-sts-daemon", "-c", file], {
    env: { SSL_CERT_FILE: world.caBundleFile },
    log: join(dir, "mta-sts.log"),
  });
}

const KEPT_CONNECTIONS = {
  smtp_connection_cache_destinations: "static:all",
  smtp_connection_cache_time_limit: "10s",
  smtp_tls_connection_reuse: "yes",
  smtpd_peername_lookup: "no",
};

/** `tuned` takes mail fastest and lets the queue grow; `best` delivers fastest, with fewer processes that live longer. */
const TUNING: Record<PostfixVariant, Record<string, string>> = {
  default: {},
  tuned: {
    ...KEPT_CONNECTIONS,
    initial_destination_concurrency: "20",
    smtp_destination_concurrency_limit: "50",
    in_flow_delay: "0",
    default_process_limit: "100",
  },
  best: {
    ...KEPT_CONNECTIONS,
    max_use: "5000",
    initial_destination_concurrency: "10",
    smtp_destination_concurrency_limit: "10",
    default_process_limit: "40",
  },
};

function mainCf(variant: PostfixVariant, dir: string, caFile: string, enforcesPolicies: boolean): string {
  const sessionCache = { smtp_tls_session_cache_database: `btree:${join(dir, "data/smtp_scache")}` };
  const policies = { smtp_tls_policy_maps: `socketmap:inet:127.0.0.1:${POLICY_DAEMON_PORT}:postfix` };
  return settings({
    compatibility_level: "3.6",
    queue_directory: join(dir, "queue"),
    data_directory: join(dir, "data"),
    command_directory: "/usr/sbin",
    daemon_directory: "/usr/lib/postfix/sbin",
    mail_owner: "postfix",
    setgid_group: "postdrop",
    maillog_file_prefixes: dir,
    maillog_file: join(dir, "postfix.log"),
    myhostname: "relay.test",
    mydestination: "",
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    mynetworks: "127.0.0.0/8",
    smtpd_relay_restrictions: "permit_mynetworks, reject",
    alias_maps: "",
    alias_database: "",
    local_recipient_maps: "",
    smtp_tls_security_level: "may",
    smtp_tls_CAfile: caFile,
    ...(enforcesPolicies ? policies : {}),
    ...(variant === "default" ? {} : sessionCache),
    ...TUNING[variant],
  });
}

const settings = (values: Record<string, string>) =>
  Object.entries(values)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");

/** Debian's, with the SMTP server at the port of a measurement, `tlsproxy` running and nothing in a chroot. */
function masterCf(stock: string): string {
  const service = /^([a-z][\w-]*\s+\S+\s+\S+\s+\S+\s+)y(\s)/;
  return stock
    .split("\n")
    .map((line) => line.replace(/^#tlsproxy/, "tlsproxy"))
    .map((line) => line.replace(service, "$1n$2"))
    .map((line) => line.replace(/^smtp(\s+inet)/, `127.0.0.1:${SUBMISSION_PORT}$1`))
    .join("\n");
}
