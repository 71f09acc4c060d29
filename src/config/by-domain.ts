/**
 * A map with domain names as keys, compared as the DNS compares them:
 * `Bücher.Example` and `xn--bcher-kva.example.` are one key, and giving both is an error.
 */
import * as z from "zod";
import { toDomain } from "../dns/name.ts";

/** `wildcards`: keys may also be `*.example.com`, or `*` for all. */
export function byDomain<Entry extends z.ZodType>(entry: Entry, options: { wildcards: boolean }) {
  return z.record(z.string(), entry).transform((entries, context) => {
    const normalised = new Map<string, z.output<Entry>>();
    const wrong = (key: string, message: string, form: string) =>
      context.issues.push({ code: "custom", path: [key], message, params: { form }, input: key });
    for (const [key, value] of Object.entries(entries)) {
      const domain = domainPattern(key, options.wildcards);
      if (domain === undefined) wrong(key, "the key is not a domain", keyForm(options.wildcards));
      else if (normalised.has(domain)) wrong(key, `there is an entry for ${domain} already`, "one entry for a domain");
      else normalised.set(domain, value);
    }
    return Object.fromEntries(normalised);
  });
}

function domainPattern(key: string, wildcards: boolean): string | undefined {
  if (!wildcards || !key.startsWith("*")) return toDomain(key);
  if (key === "*") return key;
  const below = key.startsWith("*.") ? toDomain(key.slice(2)) : undefined;
  return below === undefined ? undefined : `*.${below}`;
}

const keyForm = (wildcards: boolean) =>
  wildcards
    ? 'a domain like example.com, or "*.example.com" for all below it, or "*" for all'
    : "a domain like example.com";
