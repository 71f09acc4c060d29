/**
 * Settings that say something, and are not listened to: another one has decided
 * otherwise. Nothing is wrong with either alone, so it is a warning.
 */
import { settingName, type Problem, type SettingPath } from "./problem.ts";

type Rule = { setting: SettingPath; unheardWith: SettingPath; because: string };

const ownRedisOnly = "it is for the relay's own Redis";

const RULES: Rule[] = [
  { setting: ["redis", "dir"], unheardWith: ["redis", "url"], because: ownRedisOnly },
  { setting: ["redis", "maxMemory"], unheardWith: ["redis", "url"], because: ownRedisOnly },
];

/** @param settings as they are written, without defaults */
export function settingsWithoutEffect(settings: unknown): Problem[] {
  return RULES.filter(({ setting, unheardWith }) => isSet(settings, setting) && isSet(settings, unheardWith)).map(
    ({ setting, unheardWith, because }) => ({
      severity: "warning",
      path: setting,
      what: `it has no effect beside ${settingName(unheardWith)}: ${because}`,
      right: "set one of the two",
    }),
  );
}

function isSet(settings: unknown, path: SettingPath): boolean {
  const value = path.reduce<unknown>(
    (section, step) =>
      typeof section === "object" && section !== null ? (section as Record<string, unknown>)[step] : undefined,
    settings,
  );
  return value !== undefined && value !== null;
}
