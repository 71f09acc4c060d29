/** Settings of incidents, and of those who are told. */
import * as z from "zod";
import { duration, oneOf, secret, wholeNumber } from "./kinds.ts";
import { kind, required, section, setting } from "./setting.ts";

export const incidents = section("What an operator is warned of. See `sts-relay incidents`.", {
  certificateWarning: setting(duration("1h", "365d"), {
    says: "How long before the end of the certificate of an MX host under an enforced policy.",
    default: "14d",
  }),
  tlsLoss: section(
    "Many mail hosts that stop offering STARTTLS at once: port 25 may be intercepted on our own way out.",
    {
      sites: setting(wholeNumber(2, 1000), {
        says: "So many sites (hosts under one registered domain count as one) ...",
        default: 5,
      }),
      within: setting(duration("1m", "24h"), { says: "... within this time.", default: "10m" }),
    },
  ),
});

/** A web address that can be posted to. */
const webAddress = () =>
  kind("a URL like https://hooks.example.com/relay", (input) => {
    const url = typeof input === "string" && URL.canParse(input) ? new URL(input) : undefined;
    const fits = url !== undefined && ["https:", "http:"].includes(url.protocol) && url.username + url.password === "";
    return fits ? { value: url.href } : { wrong: "the value is no URL of the web without a login in it" };
  });

const EVENTS = [
  "incident-opened",
  "incident-closed",
  "rule-set",
  "rule-removed",
  "rule-ended",
  "shadow-summary",
] as const;

const webhook = z.strictObject({
  url: required(webAddress(), {
    says: "Where to post to. Its address must be public, or opened by network.allow; http: is for private networks.",
    example: "https://hooks.example.com/relay",
  }),
  secret: required(secret("text"), {
    says: "What the posts are signed with: the header sts-relay-signature holds t=<time> and v1=<HMAC-SHA256 of time, dot and body>.",
    example: "a long random text",
  }),
  events: setting(z.array(oneOf(...EVENTS)).min(1), { says: "What to tell.", default: EVENTS }),
});

export const webhooks = setting(z.array(webhook), {
  says: "Programs that are told of incidents and exceptions, by a signed POST of JSON. What cannot be told is tried again for an hour and a half.",
  default: [],
  example: [{ url: "https://hooks.example.com/relay", secret: "a long random text" }],
});

export const shadow = setting(oneOf("testing", "all"), {
  says: "Whose mail is watched for what `enforce` would have refused: domains whose policy is in mode testing, or all whose hosts offer TLS. See `sts-relay policy shadow`.",
  default: "testing",
});
