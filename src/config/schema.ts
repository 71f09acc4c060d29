/**
 * Every setting of the relay: its shape, default, unit and a sentence.
 * The example configuration, the names of the environment variables and the
 * error messages are all made from this.
 */
import * as z from "zod";
import { byDomain } from "./by-domain.ts";
import {
  address4,
  address6,
  cidr,
  dnsServer,
  duration,
  filePath,
  flag,
  fraction,
  host,
  hostName,
  listenPort,
  oneOf,
  port,
  secret,
  size,
  text,
  wholeNumber,
} from "./kinds.ts";
import { rate } from "./rate.ts";
import { admin } from "./schema-admin.ts";
import { check } from "./schema-check.ts";
import { dkim, tlsReports } from "./schema-dkim.ts";
import { history } from "./schema-history.ts";
import { incidents, shadow, webhooks } from "./schema-incidents.ts";
import { processes, role } from "./schema-processes.ts";
import { publish } from "./schema-publish.ts";
import { rates } from "./schema-rates.ts";
import { optional, required, section, setting } from "./setting.ts";

const redis = section("Where mail waits. Without `url` the relay runs a Redis server of its own.", {
  url: optional(secret("redis://host:6379/0, or rediss:// for TLS, with user:password@ before the host where needed"), {
    says: "The Redis to use. REDIS_URL in the environment sets it too.",
    defaultIs: "none: the relay starts redis-server or valkey-server by itself, in `dir`",
    example: "redis://127.0.0.1:6379/0",
  }),
  caFile: optional(filePath("a PEM file with certificates"), {
    says: "Authorities that the certificate of a rediss:// server must come from, in place of the known roots.",
    defaultIs: "the known roots",
    example: "/etc/sts-relay/redis-ca.pem",
  }),
  requireDurable: setting(flag(), {
    says: "Refuse to start with a Redis that may forget mail already answered 250 (appendonly yes and appendfsync always are needed). Without it, a warning is logged.",
    default: false,
  }),
  commandTimeout: setting(duration("100ms", "5m"), {
    says: "How long Redis may take over a command before the client is answered 451.",
    default: "5s",
  }),
  stopIntakeAt: setting(fraction(0.1, 1), {
    says: "The part of Redis' maxmemory at which new mail is answered 452, so that mail under way still fits.",
    default: 0.9,
  }),
  dir: setting(filePath("a directory"), {
    says: "Where the relay's own Redis keeps its data and its socket. Relative to the working directory.",
    default: "data/redis",
  }),
  maxMemory: optional(size("16MiB", "1024TiB"), {
    says: "The memory the relay's own Redis may use.",
    defaultIs: "half of the machine's memory, at most 4GiB",
    example: "4GiB",
  }),
});

const listener = z.strictObject({
  host: setting(host(), { says: "Address to listen on; 0.0.0.0 or :: for all.", default: "127.0.0.1" }),
  port: setting(listenPort(), { says: "Port to listen on; 0 takes a free one.", default: 2525 }),
  tls: optional(oneOf("starttls", "implicit", "none"), {
    says: "starttls: plain until the client asks; implicit: TLS from the first byte (port 465); none.",
    defaultIs: "starttls with a certificate, none without",
    example: "starttls",
  }),
});

const certificate = z.strictObject({
  certFile: required(filePath("a PEM file"), {
    says: "The certificate, with its intermediates behind it.",
    example: "/etc/sts-relay/cert.pem",
  }),
  keyFile: required(filePath("a PEM file"), { says: "Its private key.", example: "/etc/sts-relay/key.pem" }),
});

const user = z.strictObject({
  name: required(text("text"), { says: "The name to log in with.", example: "app" }),
  passwordHash: required(secret("text"), {
    says: "The output of `sts-relay hash-password`.",
    example: "$scrypt$...",
  }),
});

const submission = section("How applications hand in mail.", {
  listeners: setting(z.array(listener).min(1), {
    says: "Where to listen.",
    default: [{ host: "127.0.0.1", port: 2525 }],
  }),
  certificate: optional(certificate, {
    says: "Shown to clients. Read again on SIGHUP.",
    defaultIs: "none, and no TLS for clients",
    example: { certFile: "/etc/sts-relay/cert.pem", keyFile: "/etc/sts-relay/key.pem" },
  }),
  trustedNetworks: setting(z.array(cidr()), {
    says: "Clients that may send without logging in.",
    default: ["127.0.0.0/8", "::1/128"],
  }),
  users: setting(z.array(user), {
    says: "Who may log in (over TLS only), and send from anywhere.",
    default: [],
    example: [{ name: "app", passwordHash: "$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA" }],
  }),
  maxMessageSize: setting(size("1KiB", "512MiB"), {
    says: "Largest message taken (announced as SIZE, RFC 1870).",
    default: "25MiB",
  }),
  maxRecipients: setting(wholeNumber(100, 100_000), {
    // RFC 5321 section 4.5.3.1.8: at least 100 must be taken.
    says: "Most recipients of one message.",
    default: 1000,
  }),
  maxConnections: setting(wholeNumber(1, 100_000), {
    says: "Most connections at a time, for each listener.",
    default: 1000,
  }),
  maxConnectionsPerClient: setting(wholeNumber(1, 100_000), {
    says: "Most connections at a time from one address (IPv6: from one /64).",
    default: 200,
  }),
  maxReceivedHeaders: setting(wholeNumber(1, 1000), {
    says: "A message with more Received fields is in a loop and refused (RFC 5321 section 6.3).",
    default: 50,
  }),
  idleTimeout: setting(duration("1s", "1h"), {
    // RFC 5321 section 4.5.3.2.7: at least 5 minutes.
    says: "How long a client may take over its next command, or be silent within a message.",
    default: "5m",
  }),
  sessionTimeout: setting(duration("1m", "24h"), {
    says: "How long a session may go on without a message being taken.",
    default: "30m",
  }),
  maxLoginFailures: setting(rate(), {
    says: "Failed logins of one address (IPv6: of one /64) before further ones are answered 454 for the rest of the time. Each answer comes later than the one before.",
    default: "20/15m",
  }),
  rates,
  bareLineEndings: setting(oneOf("refuse", "normalise"), {
    says: "What to do with a message that has CR or LF alone: refuse it, or make each a CRLF (which breaks a signature over it).",
    default: "refuse",
  }),
  allowAddressLiterals: setting(flag(), {
    says: "Take recipients like user@[192.0.2.1]. They have no domain, so no policy protects them.",
    default: false,
  }),
});

const delivery = section("How mail leaves.", {
  port: setting(port(), { says: "The port of the recipients' mail hosts.", default: 25 }),
  concurrency: setting(wholeNumber(1, 10_000), { says: "Deliveries at a time in each process.", default: 50 }),
  maxRecipientsPerTransaction: setting(wholeNumber(1, 100), {
    says: "Recipients of one domain in one SMTP transaction.",
    default: 100,
  }),
  maxSessionsPerDestination: setting(wholeNumber(1, 1000), {
    says: "Deliveries at a time to one destination, over the processes of this relay. It begins with 5, grows while it goes well, and is cut when it does not.",
    default: 20,
  }),
  maxMessagesPerSession: setting(wholeNumber(1, 100_000), {
    says: "Messages over one session before it is closed.",
    default: 1_000,
  }),
  sessionIdle: setting(duration("1ms", "5m"), {
    says: "How long a session is kept open for the next message.",
    default: "10s",
  }),
  sourceAddress4: optional(address4(), {
    says: "Connect from this IPv4 address.",
    defaultIs: "the system's choice",
    example: "192.0.2.25",
  }),
  sourceAddress6: optional(address6(), {
    says: "Connect from this IPv6 address.",
    defaultIs: "the system's choice",
    example: "2001:db8::25",
  }),
  ipv6: setting(flag(), { says: "Connect to IPv6 addresses as well as to IPv4 ones.", default: true }),
  connectTimeout: setting(duration("1s", "5m"), { says: "Time to connect to one address.", default: "30s" }),
  commandTimeout: setting(duration("1s", "10m"), {
    says: "Time for the reply to a command (RFC 5321 section 4.5.3.2).",
    default: "5m",
  }),
  dataTimeout: setting(duration("1s", "1h"), {
    says: "Time for the reply to a whole message (RFC 5321 section 4.5.3.2.6).",
    default: "10m",
  }),
  attemptTimeout: setting(duration("1s", "6h"), {
    says: "Time for one attempt at a message, over all hosts of its domain.",
    default: "30m",
  }),
});

const MTA_STS_RULE =
  "optional: use a policy where one is published; require: deliver only under one; disable: never use one";

const mtaSts = section("MTA-STS, RFC 8461.", {
  rule: setting(oneOf("optional", "require", "disable"), { says: `${MTA_STS_RULE}.`, default: "optional" }),
  policyPort: setting(port(), { says: "The port of policy hosts. Anything but 443 is for tests.", default: 443 }),
  fetchTimeout: setting(duration("1s", "5m"), {
    says: "Time for fetching a policy (RFC 8461 section 3.3 suggests one minute).",
    default: "60s",
  }),
  refreshEvery: setting(duration("5m", "7d"), {
    says: "How often a known policy is fetched again, before it runs out (RFC 8461 section 10.2 suggests once a day).",
    default: "24h",
  }),
  onDiscoveryFailure: section("When it cannot be found out whether a domain has a policy, and none is known.", {
    action: setting(oneOf("defer", "proceed"), {
      says: "defer: let mail wait up to `deferFor`, then go on as without a policy; proceed: go on at once.",
      default: "defer",
    }),
    deferFor: setting(duration("1m", "60d"), { says: "How much of a message's life to wait.", default: "1h" }),
  }),
  shadow,
});

const route = z
  .strictObject({
    host: required(host(), { says: "The smart host. Its name is the policy domain.", example: "smtp.example.net" }),
    port: optional(port(), { says: "Its port.", defaultIs: "delivery.port", example: 587 }),
    tls: setting(oneOf("starttls", "implicit"), {
      says: "implicit: TLS from the first byte (port 465).",
      default: "starttls",
    }),
    user: optional(text("text"), { says: "The name to log in with.", defaultIs: "no login", example: "me" }),
    password: optional(secret("text, in quotes where it is a number"), { says: "The password.", example: "secret" }),
    passwordFile: optional(filePath("a file"), {
      says: "A file that holds the password, in place of `password`.",
      example: "/run/secrets/smart-host",
    }),
  })
  .superRefine((route, context) => {
    const passwords = [route.password, route.passwordFile].filter((given) => given !== undefined).length;
    const wrong = (path: string, message: string, form: string) =>
      context.addIssue({ code: "custom", path: [path], message, params: { form }, input: undefined });
    if (passwords === 2) wrong("passwordFile", "there is a password already", "either password or passwordFile");
    if (route.user !== undefined && passwords === 0)
      wrong("user", "it has no password", "password or passwordFile beside it");
    if (route.user === undefined && passwords > 0)
      wrong("user", "a password without a user", "the name to log in with");
  });

const domainRule = z.strictObject({
  mtaSts: optional(oneOf("optional", "require", "disable"), {
    says: `${MTA_STS_RULE}.`,
    defaultIs: "mtaSts.rule",
    example: "require",
  }),
  onDiscoveryFailure: optional(oneOf("defer", "proceed"), {
    says: "As mtaSts.onDiscoveryFailure.action.",
    defaultIs: "mtaSts.onDiscoveryFailure.action",
    example: "defer",
  }),
  route: optional(z.union([oneOf("direct"), route]), {
    says: "Send by this smart host, not to the domain's MX hosts: `host`, and where needed `port` (default delivery.port), `tls` (starttls or implicit), `user`, `password` or `passwordFile`. `direct` undoes a wider entry's route.",
    defaultIs: "the domain's MX hosts",
    example: { host: "smtp.example.net", port: 587 },
  }),
  maxSessions: optional(wholeNumber(1, 1000), {
    says: "Deliveries at a time to this domain (or smart host), over the processes of this relay (at least one in each).",
    defaultIs: "delivery.maxSessionsPerDestination",
    example: 2,
  }),
  maxPerMinute: optional(wholeNumber(1, 1_000_000), {
    says: "Deliveries begun in a minute to this domain (or smart host), over the processes of this relay.",
    defaultIs: "no limit",
    example: 60,
  }),
});

export const schema = z.strictObject({
  hostname: optional(hostName(), {
    says: "The relay's own name: in EHLO, Received and Message-ID. It should lead to this machine's address and back.",
    defaultIs: "the machine's name",
    example: "relay.example.com",
  }),
  role,
  processes,
  submission,
  delivery,
  mtaSts,
  domains: setting(byDomain(domainRule, { wildcards: true }), {
    says: 'Rules for single domains: "example.com", "*.example.com" (everything below it), "*" (all). Each setting comes from the narrowest entry that has it.',
    default: {},
    example: {
      "example.com": { mtaSts: "require" },
      "*.example.org": { route: { host: "smtp.example.net", port: 587 } },
    },
  }),
  retry: section("When mail cannot be delivered yet.", {
    schedule: setting(z.array(duration("1s", "7d")).min(1), {
      says: "How long to wait after each attempt; the last one repeats.",
      default: ["1m", "5m", "15m", "30m", "1h", "2h", "4h"],
    }),
    lifetime: setting(duration("1m", "60d"), {
      says: "How long to try before the sender gets a bounce (RFC 5321 section 4.5.4.1: at least 4 to 5 days).",
      default: "5d",
    }),
    warnAfter: setting(duration("1s", "60d"), {
      says: "How long a message waits until its sender is told that it is late: once, and not with NOTIFY=NEVER or the like (RFC 3461). A time beyond `lifetime`: never.",
      default: "4h",
    }),
    jitter: setting(fraction(0, 1), {
      says: "Each wait is made longer or shorter by up to this part of it, so that retries do not come all at once.",
      default: 0.1,
    }),
  }),
  redis,
  dkim,
  tlsReports,
  history,
  incidents,
  webhooks,
  publish,
  check,
  admin,
  tls: section("TLS towards mail hosts and policy hosts.", {
    caFile: optional(filePath("a PEM file with certificates"), {
      says: "Authorities to trust, added to the known roots.",
      defaultIs: "none",
      example: "/etc/sts-relay/ca.pem",
    }),
  }),
  dns: section("Which DNS servers to ask.", {
    servers: setting(z.array(dnsServer()), {
      says: "Resolvers, in order of preference. An empty list: the system's.",
      default: [],
      example: ["127.0.0.1:53"],
    }),
    zones: setting(byDomain(z.array(dnsServer()).min(1), { wildcards: false }), {
      says: "Names at or below a zone are asked of its own servers.",
      default: {},
      example: { "corp.example": ["10.0.0.53"] },
    }),
    timeout: setting(duration("50ms", "1m"), { says: "Time for one server's answer.", default: "2s" }),
    tries: setting(wholeNumber(1, 10), { says: "Rounds over the servers before giving up.", default: 2 }),
  }),
  network: section("Which addresses the relay connects to.", {
    allow: setting(z.array(cidr()), {
      says: "Ranges allowed besides public addresses: a private network's mail hosts, for example. A stranger's DNS could otherwise aim the relay at hosts inside.",
      default: [],
      example: ["10.0.0.0/8"],
    }),
  }),
  shutdown: section("What happens on SIGTERM.", {
    grace: setting(duration("1ms", "1h"), { says: "Time for deliveries under way to end.", default: "30s" }),
  }),
  log: section("One line for each thing that happens, on standard output.", {
    level: setting(oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"), {
      says: "The least weighty line to write.",
      default: "info",
    }),
    format: setting(oneOf("auto", "json", "pretty"), {
      says: "auto: pretty on a terminal, else JSON.",
      default: "auto",
    }),
  }),
});
