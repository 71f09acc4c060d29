/** All at a glance: the flow of mail, the queue, incidents, domains. */
import { get } from "../api.js";
import { legend, stackedBars } from "../chart.js";
import { h, update } from "../dom.js";
import { number, plural, when } from "../format.js";
import { badge, card, empty, facts, table } from "../parts.js";
import { incidentList, incidentTitle } from "./incidents.js";

const FLOWS = [
  ["delivered", "delivered"],
  ["deferred", "put off"],
  ["failed", "failed"],
];

export function show({ root, signal }) {
  const [tiles, flow, queue, incidents, health] = ["div.tiles", "div", "div", "div", "div"].map((tag) => h(tag));
  root.append(
    h("h1", {}, "Overview"),
    tiles,
    flow,
    h("div.columns", {}, h("div", {}, queue), h("div", {}, incidents, health)),
  );
  return async () => {
    const now = await get("/api/overview", signal);
    const { countedAt: _, ...counted } = now.queue;
    update(tiles, [now.flow, counted, now.incidents.length, now.domains], () => tilesOf(now));
    update(flow, now.flow, flowCard);
    update(queue, counted, queueCard);
    update(incidents, now.incidents, incidentsCard);
    update(health, [now.relay, now.readiness], () => healthCard(now));
  };
}

const tile = (label, value, detail, { href, tone = "" } = {}) =>
  h(
    `a.tile${tone && `.${tone}`}`,
    { href },
    h("span.label", {}, label),
    h("strong", {}, value),
    h("span.detail", {}, detail),
  );

function tilesOf({ flow, queue, incidents, domains }) {
  const total = (name) => flow.reduce((sum, minute) => sum + minute[name], 0);
  const oldest = queue.destinations
    .map(({ oldestAt }) => oldestAt)
    .filter(Boolean)
    .sort()[0];
  return [
    tile(
      "Delivered in the last hour",
      number(total("delivered")),
      `${number(total("accepted"))} accepted, ${number(total("failed"))} failed`,
      { href: "/messages" },
    ),
    tile("In the queue", number(queue.total), oldest === undefined ? "nothing waits" : ["oldest ", when(oldest)], {
      href: "/queue",
    }),
    tile(
      "Open incidents",
      number(incidents.length),
      incidents.length === 0 ? "nothing to look at" : incidentTitle(incidents[0]),
      { href: "/incidents", tone: incidents.length > 0 ? "alert" : "" },
    ),
    tile(
      "Domains under enforce",
      number(domains.modes.enforce),
      `${number(domains.modes.testing)} testing, ${number(domains.modes.none)} without a policy`,
      { href: "/domains" },
    ),
  ];
}

function flowCard(flow) {
  const bars = flow.map((minute) => ({
    title: `${minute.minute.slice(11)} UTC: ${minute.delivered} delivered, ${minute.deferred} put off, ${minute.failed} failed; ${minute.accepted} accepted`,
    parts: minute,
  }));
  const label = "Outcomes of attempts in each of the last 60 minutes";
  return card("Flow of mail", [
    stackedBars(
      bars,
      FLOWS.map(([name]) => name),
      { label },
    ),
    h("div.chart-foot", {}, h("span", {}, "60 min ago"), legend(FLOWS), h("span", {}, "now")),
  ]);
}

function queueCard({ total, states, destinations, destinationCount }) {
  if (total === 0) return card("Queue", empty("The queue is empty: all mail has been dealt with."));
  const words = Object.entries(states).filter(([, count]) => count > 0);
  const columns = [
    { title: "Destination", cell: ({ domain }) => h("a", { href: `/queue?to=${encodeURIComponent(domain)}` }, domain) },
    { title: "Waiting", number: true, cell: ({ queued }) => number(queued) },
    { title: "Oldest", number: true, cell: ({ oldestAt }) => when(oldestAt) },
    { title: "Why", wide: true, cell: ({ lastReason = "" }) => h("span.clamp", { title: lastReason }, lastReason) },
  ];
  const more = destinationCount - destinations.length;
  return card("Queue", [
    h(
      "p.row",
      {},
      words.map(([state, count]) => [badge(`${number(count)} ${state}`, state === "held" ? "hold" : "plain"), " "]),
    ),
    table(destinations, columns),
    more > 0 && h("p.more", {}, h("a", { href: "/queue" }, `and ${plural(more, "more destination")}`)),
  ]);
}

const incidentsCard = (incidents) =>
  card("Incidents", incidents.length === 0 ? empty("None is open.") : incidentList(incidents.slice(0, 5)), {
    actions: incidents.length > 5 ? [h("a", { href: "/incidents" }, `all ${incidents.length}`)] : [],
  });

function healthCard({ relay, readiness }) {
  const checks = Object.entries(readiness.checks).map(([name, { ok, detail }]) => [
    name,
    ok ? badge("ok") : [badge("not ok", "bad"), " ", detail],
  ]);
  return card(
    "This relay",
    facts([["name", relay.hostname], ["version", relay.version], ["started", when(relay.startedAt)], ...checks]),
  );
}
