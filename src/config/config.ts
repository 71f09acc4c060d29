/**
 * The configuration as the rest of the relay reads it: every setting has a
 * value, durations are milliseconds (`…Ms`), sizes bytes (`…Bytes`), paths
 * absolute, and defaults that depend on the machine are filled in.
 */
import { resolve } from "node:path";
import type * as z from "zod";
import { toDomain } from "../dns/name.ts";
import type { schema } from "./schema.ts";
import { withUnits, type WithUnits } from "./values.ts";

/** What the schema hands out. */
export type Settings = z.output<typeof schema>;

type Parsed = WithUnits<Settings>;
type ParsedRoute = Exclude<Parsed["domains"][string]["route"], "direct" | undefined>;

/** A smart host. Its login, where it needs one, is a secret. */
export type Route = Pick<ParsedRoute, "host" | "tls"> & {
  port: number;
  login?: { user: string; password: string };
};

export type DomainRule = Omit<Parsed["domains"][string], "route"> & { route?: Route | "direct" };

export type Listener = { host: string; port: number; tls: "starttls" | "implicit" | "none" };

export type Config = Omit<Parsed, "hostname" | "redis" | "submission" | "domains"> & {
  hostname: string;
  redis: Parsed["redis"] & { maxMemoryBytes: number };
  submission: Omit<Parsed["submission"], "listeners"> & { listeners: Listener[] };
  /** By domain, `*.domain` or `*`; `domainRule` finds what holds for a domain. */
  domains: Record<string, DomainRule>;
};

/** What defaults depend on. */
export type Machine = { hostname: string; memoryBytes: number };

/** `readPassword` is handed the absolute path of a password file. */
export function completeConfig(
  settings: Settings,
  around: { cwd: string; machine: Machine; readPassword: (file: string, domain: string) => string },
): Config {
  const parsed = withUnits(settings, (path) => resolve(around.cwd, path));
  const { certificate, listeners } = parsed.submission;
  const rules = Object.entries(parsed.domains).map(([domain, { route, ...rule }]): [string, DomainRule] => {
    if (route === undefined) return [domain, rule];
    if (route === "direct") return [domain, { ...rule, route }];
    const password =
      route.passwordFile === undefined ? route.password : around.readPassword(route.passwordFile, domain);
    return [domain, { ...rule, route: completeRoute(route, password, parsed.delivery.port) }];
  });
  return {
    ...parsed,
    hostname: parsed.hostname ?? machineName(around.machine.hostname),
    redis: { ...parsed.redis, maxMemoryBytes: parsed.redis.maxMemoryBytes ?? memoryShare(around.machine.memoryBytes) },
    submission: {
      ...parsed.submission,
      listeners: listeners.map(({ host, port, tls }) => ({
        host,
        port,
        tls: tls ?? (certificate === undefined ? "none" : "starttls"),
      })),
    },
    domains: Object.fromEntries(rules),
  };
}

function completeRoute(route: ParsedRoute, password: string | undefined, defaultPort: number): Route {
  const { host, tls, user } = route;
  const login = user === undefined || password === undefined ? {} : { login: { user, password } };
  return { host, port: route.port ?? defaultPort, tls, ...login };
}

/**
 * The name to greet with. RFC 5321 section 4.1.1.1 asks for a fully-qualified
 * name, and many hosts refuse mail from one without a dot.
 */
export function machineName(hostname: string): string {
  const name = toDomain(hostname);
  if (name === undefined) return "localhost.localdomain";
  return name.includes(".") ? name : `${name}.localdomain`;
}

const GIBIBYTE = 1024 ** 3;
const memoryShare = (memoryBytes: number) => Math.floor(Math.min(memoryBytes / 2, 4 * GIBIBYTE));
