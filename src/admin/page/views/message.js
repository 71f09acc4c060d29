/** The story of one message, as `sts-relay message` tells it. */
import { get } from "../api.js";
import { h, update } from "../dom.js";
import { exactly, when } from "../format.js";
import { badge, card, empty } from "../parts.js";
import { verbButtons } from "./queue-verbs.js";

export function show({ root, parameter: id, signal, refresh }) {
  const list = h("div");
  root.append(h("p.crumbs", {}, h("a", { href: "/messages" }, "Messages")), h("h1.id", {}, id), list);
  return async () => {
    const { messages } = await get(`/api/messages/${encodeURIComponent(id)}`, signal).catch((error) => {
      if (error.status !== 404) throw error;
      return { messages: [] };
    });
    update(list, messages, () =>
      messages.length === 0 ? unknown() : messages.map((message) => story(message, refresh, id)),
    );
  };
}

const unknown = () =>
  card(
    "Nothing is known of it",
    empty("It never came here, or longer ago than the history is kept (history.retention)."),
  );

function story({ id, state, explanation, domains }, refresh, shown) {
  const about = h(
    "ul.about",
    {},
    explanation.about.map((line) => h("li", {}, line)),
  );
  return [
    card(
      h("span", {}, badge(state), id !== shown && [" ", h("a", { href: `/messages/${id}` }, h("code", {}, id))]),
      about,
    ),
    explanation.domains.map((told) =>
      domainCard(
        id,
        told,
        domains.find(({ domain }) => domain === told.domain),
        refresh,
      ),
    ),
  ];
}

function domainCard(message, { domain, summary, timeline, next, state }, { queue }, refresh) {
  const link = h("a", { href: `/domains/${encodeURIComponent(domain)}` }, domain);
  const actions =
    queue === undefined
      ? []
      : verbButtons({ messages: [message], to: domain }, `${message} to ${domain}`, refresh, queue.state === "held");
  return card(
    h("span", {}, link, " ", badge(state)),
    [
      h("p.summary", {}, summary),
      h("ol.timeline", {}, timeline.map(step)),
      next.length > 0 &&
        h(
          "div.notice",
          {},
          next.map((line) => h("p", {}, line)),
        ),
    ],
    { actions },
  );
}

const step = ({ at, what, details }) =>
  h(
    "li",
    {},
    h("p.when", {}, h("strong", {}, what), " ", h("span.quiet", {}, exactly(at), " (", when(at), ")")),
    details.map((line) => h(line.startsWith(" ") ? "p.detail.inner" : "p.detail", {}, line.trim())),
  );
