/**
 * The kinds of value that settings hold. Each says what is wrong with a value
 * and what would be right; secrets are never repeated.
 */
import { isIP, isIPv4, isIPv6 } from "node:net";
import { cidrProblem } from "../dns/address-guard.ts";
import type { Domain } from "../dns/answer.ts";
import { toDomain } from "../dns/name.ts";
import { parseServer } from "../dns/server-address.ts";
import { kind, type Reading } from "./setting.ts";
import { DURATION_FORM, formatDuration, formatSize, parseDuration, parseSize, SIZE_FORM } from "./units.ts";
import { Duration, FilePath, Size } from "./values.ts";

export const flag = () =>
  kind("true or false", (input) =>
    typeof input === "boolean" ? { value: input } : { wrong: `${show(input)} is not valid` },
  );

export function oneOf<const Word extends string>(...words: Word[]) {
  return kind<Word>(`one of: ${words.join(", ")}`, (input) => {
    const word = words.find((candidate) => candidate === input);
    return word === undefined ? { wrong: `${show(input)} is not valid` } : { value: word };
  });
}

export const wholeNumber = (least: number, most: number) =>
  kind(`a whole number from ${least} to ${most}`, (input) => numberWithin(input, least, most, Number.isInteger));

export const fraction = (least: number, most: number) =>
  kind(`a number from ${least} to ${most}`, (input) => numberWithin(input, least, most, Number.isFinite));

export const port = () => wholeNumber(1, 65_535);

/** A port to listen on. 0 takes a free one. */
export const listenPort = () => wholeNumber(0, 65_535);

export const text = (form: string) =>
  kind(form, (input) => (isText(input) ? { value: input } : { wrong: `${show(input)} is not text` }));

/** Text that no message may repeat. */
export const secret = (form: string) =>
  kind(form, (input) => (isText(input) ? { value: input } : { wrong: "the value is not text" }));

export const filePath = (form: string) =>
  kind(form, (input) => (isText(input) ? { value: new FilePath(input) } : { wrong: `${show(input)} is not a path` }));

/** `most`: what a timer can hold is 24 days, so that no time limit turns into none. */
export const duration = (least = "1ms", most = "24d") =>
  kind<Duration>(`${DURATION_FORM}, from ${least} to ${most}`, (input) => {
    const milliseconds = typeof input === "string" ? parseDuration(input) : undefined;
    if (milliseconds === undefined) return { wrong: `${show(input)} is not a duration${unitHint(input)}` };
    if (milliseconds < (parseDuration(least) ?? 0)) return { wrong: `${formatDuration(milliseconds)} is too short` };
    if (milliseconds > (parseDuration(most) ?? Infinity)) return { wrong: `${show(input)} is too long` };
    return { value: new Duration(milliseconds) };
  });

export const size = (least: string, most: string) =>
  kind<Size>(`${SIZE_FORM}, from ${least} to ${most}`, (input) => {
    const bytes = typeof input === "string" ? parseSize(input) : undefined;
    if (bytes === undefined) return { wrong: `${show(input)} is not a size${unitHint(input)}` };
    if (bytes < (parseSize(least) ?? 0)) return { wrong: `${formatSize(bytes)} is too small` };
    if (bytes > (parseSize(most) ?? Infinity)) return { wrong: `${show(input)} is too large` };
    return { value: new Size(bytes) };
  });

/** A domain name. `fully qualified`: with a dot in it. */
export const hostName = () =>
  kind<Domain>("a fully qualified host name like relay.example.com", (input) => {
    const name = typeof input === "string" ? toDomain(input) : undefined;
    return name?.includes(".") ? { value: name } : { wrong: `${show(input)} is not valid` };
  });

/** An address or a name that leads to one. */
export const host = () =>
  kind("a host name or an IP address", (input) => {
    if (typeof input === "string" && isIP(input) !== 0) return { value: input };
    const name = typeof input === "string" ? toDomain(input) : undefined;
    return name === undefined ? { wrong: `${show(input)} is not valid` } : { value: name };
  });

export const address4 = () => address("an IPv4 address like 192.0.2.25", isIPv4);
export const address6 = () => address("an IPv6 address like 2001:db8::25", isIPv6);

export const cidr = () =>
  kind("a range of addresses like 10.0.0.0/8 or fd00::/8", (input) => {
    if (typeof input !== "string") return { wrong: `${show(input)} is not valid` };
    const problem = cidrProblem(input);
    return problem === undefined ? { value: input } : { wrong: problem };
  });

/** A DNS server, kept as written: the resolver reads all these forms. */
export const dnsServer = () =>
  kind("an address with or without a port, like 192.0.2.53, 127.0.0.1:5353 or [2001:db8::53]:53", (input) =>
    typeof input === "string" && parseServer(input) ? { value: input } : { wrong: `${show(input)} is not valid` },
  );

/** A value as a message shows it: as JSON, and not without end. */
export function show(value: unknown): string {
  const json = JSON.stringify(value) ?? typeof value;
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}

function address(form: string, is: (text: string) => boolean) {
  return kind(form, (input) =>
    typeof input === "string" && is(input) ? { value: input } : { wrong: `${show(input)} is not valid` },
  );
}

function numberWithin(input: unknown, least: number, most: number, fits: (n: number) => boolean): Reading<number> {
  if (typeof input !== "number" || !fits(input)) return { wrong: `${show(input)} is not valid` };
  if (input < least) return { wrong: `${input} is too small` };
  return input > most ? { wrong: `${input} is too large` } : { value: input };
}

const isText = (input: unknown): input is string => typeof input === "string" && input !== "";

const unitHint = (input: unknown) => (/^\d+$/.test(String(input)) ? ": its unit is missing" : "");
