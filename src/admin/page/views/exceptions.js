/** The exceptions in force, the configured rules below them, and the trail. */
import { get, remove } from "../api.js";
import { h, update } from "../dom.js";
import { when } from "../format.js";
import { badge, button, card, during, empty, table, toast } from "../parts.js";
import { actionText, askForException, exceptionText } from "./exception-form.js";

export function show({ root, signal, refresh }) {
  const [now, configured, trail] = [h("div"), h("div"), h("div")];
  const add = button("Set an exception …", () => askForException(undefined, refresh), { tone: "primary", key: "add" });
  root.append(
    h("div.title", {}, h("h1", {}, "Exceptions"), h("div.actions", {}, add)),
    now,
    h("div.columns", {}, trail, configured),
  );
  return async () => {
    const [rules, actions] = await Promise.all([get("/api/rules", signal), get("/api/trail?limit=100", signal)]);
    update(now, rules.exceptions, (exceptions) => exceptionsCard(exceptions, refresh));
    update(configured, rules.configured, configuredCard);
    update(trail, actions.trail, trailCard);
  };
}

const domainLink = (domain) => h("a", { href: `/domains/${encodeURIComponent(domain)}` }, domain);

function exceptionsCard(exceptions, refresh) {
  if (exceptions.length === 0) return card("In force", empty("None: every domain goes by the configuration."));
  const end = ({ domain }) => {
    const element = button("End", () => void during(element, () => endOne(domain, refresh)), { key: `end-${domain}` });
    return element;
  };
  const columns = [
    { title: "Domain", cell: ({ domain }) => domainLink(domain) },
    { title: "Rule", wide: true, cell: exceptionText },
    { title: "Ends", number: true, cell: ({ until }) => when(until, "never by itself") },
    { title: "Set by", cell: ({ by }) => by },
    { title: "Reason", wide: true, cell: ({ reason }) => reason },
    { title: "", cell: end },
  ];
  return card("In force", table(exceptions, columns));
}

async function endOne(domain, refresh) {
  await remove(`/api/rules/${encodeURIComponent(domain)}`);
  toast(`${domain} goes by the configuration again.`);
  await refresh();
}

const configuredCard = (configured) =>
  card(
    "From the configuration",
    table(configured, [
      { title: "Domain", cell: ({ domain }) => domain },
      { title: "Rule", cell: ({ rule }) => badge(rule, "plain") },
    ]),
  );

const trailCard = (trail) =>
  card(
    "Trail",
    trail.length === 0
      ? empty("Nothing was set, taken back or forgotten lately.")
      : h(
          "ol.events",
          {},
          trail.map((action) => h("li", {}, when(action.at), " ", domainLink(action.domain), ": ", actionText(action))),
        ),
  );
