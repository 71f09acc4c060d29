/**
 * The domains that a `publish` command is about.
 */
import type { Config } from "../config/config.ts";
import { problemLine } from "../config/problem.ts";
import { toDomain } from "../dns/name.ts";
import type { Publication } from "../publish/published-policy.ts";
import { publicationsOf } from "../relay/publications.ts";
import { EXIT_CONFIG, StartError } from "../relay/start-error.ts";
import { checkConfig, whereToLoad } from "./checked-config.ts";

/** Throws a `StartError` when the configuration is wrong, or has no such domain. */
export async function loadPublications(
  file: string | undefined,
  domain: string | undefined,
): Promise<{ config: Config; publications: Publication[] }> {
  const { config, errors } = await checkConfig(whereToLoad(file));
  if (config === undefined) throw new StartError(errors.map(problemLine).join("\n"), EXIT_CONFIG);
  const all = publicationsOf(config);
  if (all.length === 0) throw new StartError("publish.domains is empty: set our domains there first", EXIT_CONFIG);
  if (domain === undefined) return { config, publications: all };
  const publications = all.filter((publication) => publication.domain === toDomain(domain));
  if (publications.length > 0) return { config, publications };
  throw new StartError(
    `publish.domains has no ${domain}; it has ${all.map((each) => each.domain).join(", ")}`,
    EXIT_CONFIG,
  );
}
