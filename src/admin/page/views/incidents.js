/** What an operator should see: open, and over. */
import { get } from "../api.js";
import { h, update } from "../dom.js";
import { plural, when } from "../format.js";
import { badge, card, empty } from "../parts.js";

const TITLES = {
  "policy-weakened": "Policy is weaker than before",
  "refresh-failing": "Policy cannot be fetched anew",
  "record-gone": "Record is gone, policy still holds",
  "certificate-expiring": "Certificate near its end",
  "tls-lost": "Many hosts lost STARTTLS at once: port 25 may be intercepted",
};

export function show({ root, signal }) {
  const [open, past] = [h("div"), h("div")];
  root.append(h("h1", {}, "Incidents"), open, past);
  return async () => {
    const incidents = await get("/api/incidents", signal);
    update(open, incidents.open, (list) =>
      card(
        "Open",
        list.length === 0 ? empty("None. Policies and certificates are as they should be.") : incidentList(list),
      ),
    );
    update(past, incidents.past, (list) => (list.length === 0 ? undefined : card("Over", incidentList(list))));
  };
}

export const incidentTitle = ({ cause }) => TITLES[cause] ?? cause;

export const incidentList = (incidents) => h("ul.incidents", {}, incidents.map(item));

function item({ cause, subject, detail, count, firstAt, lastAt, closedAt, because }) {
  const isOpen = closedAt === undefined;
  return h(
    `li${isOpen ? "" : ".over"}`,
    {},
    h(
      "p",
      {},
      badge(isOpen ? "open" : "over", isOpen ? "bad" : "plain"),
      " ",
      h("strong", {}, incidentTitle({ cause })),
    ),
    h("p", {}, subject !== "*" && [subjectLink(cause, subject), ": "], detail),
    h(
      "p.quiet",
      {},
      "first ",
      when(firstAt),
      ", last ",
      when(lastAt),
      `, met ${plural(count, "time")}`,
      because && `; over: ${because}`,
    ),
  );
}

/** Of a certificate it is the mail host, which has no page. */
const subjectLink = (cause, subject) =>
  cause === "certificate-expiring"
    ? h("code", {}, subject)
    : h("a", { href: `/domains/${encodeURIComponent(subject)}` }, subject);
