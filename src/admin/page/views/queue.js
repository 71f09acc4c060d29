/** The queue by destination, and the deliveries of one. */
import { get, query } from "../api.js";
import { h, update } from "../dom.js";
import { number, plural, when } from "../format.js";
import { badge, card, empty, select, table } from "../parts.js";
import { verbButtons } from "./queue-verbs.js";

const STATES = ["waiting", "active", "deferred", "due", "held"];
const MOST = 100;

export function show(context) {
  const { root, query: address } = context;
  const raw = h("a", { href: "/queues", target: "_blank", rel: "noopener" }, "Raw jobs ↗");
  root.append(h("div.title", {}, h("h1", {}, "Queue"), h("div.actions", {}, raw)));
  const isList = ["to", "from", "state"].some((name) => address.has(name));
  return isList ? showJobs(context) : showDestinations(context);
}

function showDestinations({ root, signal, refresh, go }) {
  const list = h("div");
  root.append(filterBar({ to: "", from: "", state: "" }, go), list);
  return async () => {
    const { countedAt: _, ...queue } = await get("/api/queue?limit=200", signal);
    update(list, queue, () => destinations(queue, refresh));
  };
}

function destinations({ total, states, destinations: rows, destinationCount }, refresh) {
  if (total === 0) return card("Queue", empty("The queue is empty: all mail has been dealt with."));
  const counts = Object.entries(states).filter(([, count]) => count > 0);
  const more = destinationCount - rows.length;
  return card(plural(total, "delivery", "deliveries"), [
    h(
      "p.row",
      {},
      counts.map(([state, count]) => [
        h(
          "a",
          { href: `/queue?state=${state}` },
          badge(`${number(count)} ${state}`, state === "held" ? "hold" : "plain"),
        ),
        " ",
      ]),
    ),
    table(rows, destinationColumns(refresh)),
    more > 0 && h("p.more", {}, `and ${plural(more, "more destination")}`),
  ]);
}

const destinationColumns = (refresh) => [
  {
    title: "Destination",
    cell: ({ domain }) =>
      h("a", { href: `/queue?to=${encodeURIComponent(domain)}`, "data-key": `to-${domain}` }, domain),
  },
  { title: "Queued", number: true, cell: ({ queued }) => number(queued) },
  { title: "Held", number: true, cell: ({ states }) => (states.held === 0 ? "–" : number(states.held)) },
  { title: "Oldest", number: true, cell: ({ oldestAt }) => when(oldestAt) },
  { title: "Next try", number: true, cell: ({ nextAt }) => when(nextAt) },
  {
    title: "Last reason",
    wide: true,
    cell: ({ lastReason = "–" }) => h("span.clamp", { title: lastReason }, lastReason),
  },
  {
    title: "",
    cell: ({ domain, states, queued }) =>
      h("div.verbs", {}, verbButtons({ to: domain }, `all to ${domain}`, refresh, states.held === queued)),
  },
];

function showJobs({ root, signal, refresh, query: address, go }) {
  const wish = Object.fromEntries(["to", "from", "state"].map((name) => [name, address.get(name) ?? ""]));
  const selection = Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== ""));
  const list = h("div");
  root.append(h("p.crumbs", {}, h("a", { href: "/queue" }, "All destinations")), filterBar(wish, go), list);
  return async () => {
    const found = await get(`/api/queue/jobs${query({ ...wish, limit: MOST })}`, signal);
    update(list, found, () => jobs(found, selection, refresh));
  };
}

function filterBar(wish, go) {
  const input = (name, placeholder, type = "text") =>
    h("input", { type, name, value: wish[name], placeholder, "aria-label": placeholder });
  const form = h(
    "form.toolbar",
    {
      role: "search",
      onsubmit: (event) => {
        event.preventDefault();
        void go(`/queue${query(Object.fromEntries(new FormData(form)))}`);
      },
    },
    input("to", "To: domain", "search"),
    input("from", "From: address or domain"),
    select("state", [["", "every state"], ...STATES.map((state) => [state, state])], wish.state, {
      "aria-label": "State",
    }),
    h("button", { type: "submit" }, "Find"),
  );
  return form;
}

function jobs({ matched, jobs: rows }, selection, refresh) {
  if (matched === 0) return card("Deliveries", empty("No such deliveries in the queue."));
  const what = Object.values(selection).join(", ");
  const isHeld = rows.every(({ state }) => state === "held");
  return card(
    matched > rows.length
      ? `The oldest ${rows.length} of ${number(matched)} deliveries`
      : plural(matched, "delivery", "deliveries"),
    table(rows, jobColumns(refresh)),
    { actions: verbButtons(selection, `all of ${what}`, refresh, isHeld) },
  );
}

const jobColumns = (refresh) => [
  {
    title: "Message",
    cell: ({ message }) => h("a", { href: `/messages/${message}`, "data-key": `m-${message}` }, h("code", {}, message)),
  },
  {
    title: "State",
    cell: ({ state, order }) => [badge(state), order && [" ", badge(`${order.verb} ordered`, "info")]],
  },
  { title: "From", cell: ({ data }) => data.from || "<>" },
  { title: "To", cell: ({ data }) => recipientWords(data.recipients) },
  { title: "Accepted", number: true, cell: ({ data }) => when(data.acceptedAt) },
  { title: "Tries", number: true, cell: ({ data }) => number(data.attempt) },
  { title: "Next try", number: true, cell: ({ state, at }) => (state === "deferred" ? when(at) : "–") },
  {
    title: "Last reason",
    wide: true,
    cell: ({ data }) => h("span.clamp", { title: data.waitingBecause }, data.waitingBecause ?? "–"),
  },
  {
    title: "",
    cell: ({ message, domain, state }) =>
      h(
        "div.verbs",
        {},
        verbButtons({ messages: [message], to: domain }, `${message} to ${domain}`, refresh, state === "held"),
      ),
  },
];

function recipientWords(recipients) {
  const waiting = recipients.filter(({ state }) => state === "waiting").map(({ address }) => address);
  return waiting.length <= 1 ? waiting[0] : `${waiting[0]} and ${waiting.length - 1} more`;
}
