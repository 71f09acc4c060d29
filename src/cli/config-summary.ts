/**
 * What a configuration would run, in a few lines. No secrets.
 */
import { isIPv6 } from "node:net";
import type { Config } from "../config/config.ts";
import type { Sources } from "../config/load.ts";
import { formatDuration, formatSize } from "../config/units.ts";
import { describeTarget } from "../store/redis-target.ts";

/** Label and text of each line. */
export function configSummary(config: Config, sources: Sources): [string, string][] {
  const { submission, delivery, redis, mtaSts, retry } = config;
  const from = [...(sources.file === undefined ? [] : [sources.file]), ...sources.variables];
  const listeners = submission.listeners.map(
    ({ host, port, tls }) => `${isIPv6(host) ? `[${host}]` : host}:${port} (${TLS_WORDS[tls]})`,
  );
  return [
    ["settings from", list(from, "defaults alone")],
    ["hostname", config.hostname],
    ...workWords(config),
    ["listens on", list(listeners, "nothing")],
    ["trusts", list(submission.trustedNetworks, "nobody without a login")],
    [
      "users",
      list(
        submission.users.map(({ name }) => name),
        "none",
      ),
    ],
    ["largest message", formatSize(submission.maxMessageSizeBytes)],
    ["delivers to", `port ${delivery.port}, ${delivery.concurrency} messages at a time in each process`],
    ["MTA-STS", `${mtaSts.rule}; when unknown: ${unknownWords(mtaSts.onDiscoveryFailure)}`],
    ...Object.entries(config.domains).map(([domain, rule]): [string, string] => [`  ${domain}`, ruleWords(rule)]),
    ["publishes", list(publishedWords(config.publish), "no policy")],
    ["gives up after", formatDuration(retry.lifetimeMs)],
    ["DNS", list(config.dns.servers, "the system's servers")],
    ["Redis", redis.url === undefined ? `its own, in ${redis.dir}` : describeTarget({ url: redis.url })],
  ];
}

/** Nothing where all is done here, in one process. */
function workWords({ role, processes }: Config): [string, string][] {
  const words = { all: "takes mail and delivers it", submission: "takes mail alone", delivery: "delivers mail alone" };
  if (role === "all" && processes === 1) return [];
  return [["does", `${words[role]}, in ${processes === 1 ? "one process" : `${processes} processes`}`]];
}

const TLS_WORDS = { starttls: "STARTTLS", implicit: "implicit TLS", none: "no TLS" };

function publishedWords({ domains, listeners }: Config["publish"]): string[] {
  const served = listeners.length > 0 || Object.keys(domains).length === 0 ? [] : ["served by no listener here"];
  return [...Object.entries(domains).map(([domain, { mode }]) => `${domain} (${mode})`), ...served];
}

function ruleWords({ mtaSts, onDiscoveryFailure, route }: Config["domains"][string]): string {
  const words = [
    mtaSts && `MTA-STS ${mtaSts}`,
    onDiscoveryFailure && `when unknown: ${onDiscoveryFailure}`,
    route && (route === "direct" ? "direct" : `by ${route.host}:${route.port}${route.login ? " with a login" : ""}`),
  ];
  return list(
    words.filter((word) => word !== undefined),
    "as any other",
  );
}

function unknownWords({ action, deferForMs }: Config["mtaSts"]["onDiscoveryFailure"]): string {
  return action === "proceed" ? "go on without" : `wait up to ${formatDuration(deferForMs)}, then go on without`;
}

const list = (items: string[], none: string) => (items.length === 0 ? none : items.join(", "));
