/** What a check of a domain found, in the order in which it is read. */
import { h } from "../dom.js";
import { badge, button, card } from "../parts.js";

const TITLES = {
  route: "Where mail goes",
  record: "Record",
  policy: "Policy",
  hosts: "Mail hosts",
  reports: "TLS reports",
  relay: "This relay",
};

export function checkResult({ severity, findings, message }, close) {
  const sections = Object.entries(TITLES).map(([section, title]) => {
    const found = findings.filter((finding) => finding.section === section);
    return found.length === 0 ? undefined : [h("h3", {}, title), h("ul.findings", {}, found.map(findingItem))];
  });
  return card("Check", [h("p.headline", {}, badge(WORDS[severity], tone(severity)), " ", fate(message)), sections], {
    actions: [button("Close", close)],
    id: "check-result",
  });
}

const WORDS = { ok: "nothing wrong", info: "nothing wrong", warning: "warnings", error: "errors" };
const tone = (severity) => ({ warning: "warn", error: "bad" })[severity] ?? "good";

function fate(message) {
  switch (message?.kind) {
    case "sent":
      return `A message now would go to ${message.host} ${message.tls === "in the clear" ? "in the clear" : `by ${message.tls}`}.`;
    case "waits":
      return `A message now would wait: ${message.why}.`;
    case "bounces":
      return `A message now would go back to its sender: ${message.why}.`;
    default:
      return "";
  }
}

const MARKS = { ok: "✓", info: "·", warning: "!", error: "✗" };

const findingItem = ({ severity, says, todo }) =>
  h(
    `li.${severity}`,
    {},
    h("span.mark", { "aria-label": severity }, MARKS[severity]),
    h("div", {}, says, todo && h("small.sub", {}, `→ ${todo}`)),
  );
