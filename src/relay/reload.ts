/**
 * A changed configuration, while the relay runs: which settings take effect at
 * once, and which wait for a restart.
 */
import type { Config } from "../config/config.ts";
import { differences, withValueFrom } from "../config/difference.ts";

/** A section stands for every setting in it. */
const LIVE = [
  "submission.certificate",
  "submission.trustedNetworks",
  "submission.users",
  "submission.maxMessageSize",
  "submission.maxRecipients",
  "submission.maxConnections",
  "submission.maxConnectionsPerClient",
  "submission.maxReceivedHeaders",
  "submission.idleTimeout",
  "submission.sessionTimeout",
  "submission.maxLoginFailures",
  "submission.rates",
  "submission.bareLineEndings",
  "submission.allowAddressLiterals",
  "mtaSts.rule",
  "mtaSts.onDiscoveryFailure",
  "mtaSts.shadow",
  "incidents",
  "webhooks",
  "domains",
  "check.watch",
  "publish.certificates",
  "publish.domains",
  "publish.reachedAt",
  "publish.reportsTo",
  "admin.names",
  "admin.token",
  "admin.users",
  "retry",
  "network.allow",
  "shutdown.grace",
  "log.level",
];

export type Reload = {
  /** The one to run with: as before, with the new values of what was applied. */
  config: Config;
  /** Names of settings. */
  applied: string[];
  needRestart: string[];
};

export function planReload(before: Config, after: Config): Reload {
  const changed = differences(before, after);
  const now = changed.filter(({ setting }) => isLive(setting, before, after));
  return {
    config: now.reduce((config, { keys }) => withValueFrom(config, keys, after), before),
    applied: now.map(({ setting }) => setting),
    needRestart: changed.filter((one) => !now.includes(one)).map(({ setting }) => setting),
  };
}

function isLive(setting: string, before: Config, after: Config): boolean {
  // The first certificate gives the listeners TLS, and the last takes it from them: other listeners than these.
  const isCertificate = setting.startsWith("submission.certificate");
  if (isCertificate && !(before.submission.certificate && after.submission.certificate)) return false;
  return LIVE.some((live) => setting === live || setting.startsWith(`${live}.`));
}
