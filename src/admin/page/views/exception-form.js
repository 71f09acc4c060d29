/** Exceptions: in words, and the form that sets one. */
import { put } from "../api.js";
import { h } from "../dom.js";
import { exactly } from "../format.js";
import { ask, labelled, select } from "../parts.js";

export const exceptionText = ({ what }) =>
  what.kind === "pin"
    ? `only ${what.mx.join(", ")}, with verified TLS`
    : (RULES.find(([rule]) => rule === what.rule)?.[1] ?? what.rule);

const RULES = [
  ["disable", "disable: deliver without any policy"],
  ["testing", "testing: note what breaks the policy, deliver all the same"],
  ["require", "require: deliver only under a policy"],
  ["optional", "optional: use a policy where there is one"],
  ["pin", "pin: only the mail hosts named below, with verified TLS"],
];

const LENGTHS = [
  ["1", "for an hour"],
  ["8", "for 8 hours"],
  ["24", "for a day"],
  ["48", "for two days"],
  ["168", "for a week"],
  ["", "until it is taken back"],
];

const HOUR_MS = 3_600_000;

/** `domain`: absent where it is asked for too. */
export function askForException(domain, refresh) {
  const hosts = labelled(
    "Mail hosts",
    h("input", { name: "mx", placeholder: "mx1.example.com, *.mx.example.net" }),
    "only for pin",
  );
  const fields = [
    domain === undefined &&
      labelled("Domain", h("input", { name: "domain", required: true, placeholder: "example.com" })),
    labelled("Rule", select("rule", RULES, "disable")),
    hosts,
    labelled("How long", select("hours", LENGTHS, "48")),
    labelled(
      "Reason",
      h("input", { name: "reason", required: true, maxlength: 500, placeholder: "their certificate ran out" }),
      "it goes into the log, and into the history of each message",
    ),
  ];
  ask({
    title: domain === undefined ? "Set an exception" : `Set an exception for ${domain}`,
    text: "It takes the place of the configured rule within a second, in all processes. Mail that waits is tried again at once.",
    fields,
    confirm: "Set it",
    async act(form) {
      const name = domain ?? form.get("domain").trim();
      const rule = form.get("rule");
      const hours = form.get("hours");
      const mx = form
        .get("mx")
        .split(/[\s,]+/)
        .filter(Boolean);
      await put(`/api/rules/${encodeURIComponent(name)}`, {
        reason: form.get("reason"),
        ...(rule === "pin" ? { pinMx: mx } : { mtaSts: rule }),
        ...(hours === "" ? {} : { until: new Date(Date.now() + Number(hours) * HOUR_MS).toISOString() }),
      });
      await refresh();
      return `The exception for ${name} is in force.`;
    },
  });
}

/** What an operator did, in a sentence. */
export function actionText(action) {
  const { kind, by, exception } = action;
  const end = exception?.until === undefined ? "" : ` until ${exactly(exception.until)}`;
  switch (kind) {
    case "rule-set":
      return `${by} set an exception: ${exceptionText(exception)}${end} (${exception.reason})`;
    case "rule-removed":
      return `${by} took the exception back: ${exceptionText(exception)}`;
    case "rule-ended":
      return `the exception has ended: ${exceptionText(exception)}`;
    case "policy-forgotten":
      return `${by} had the policy forgotten`;
    default:
      return kind;
  }
}
