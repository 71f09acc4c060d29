/** Messages of the last days: found by address, state and time, or opened by id. */
import { get, query } from "../api.js";
import { h, update } from "../dom.js";
import { bytes, plural, when } from "../format.js";
import { badge, card, empty, select, table } from "../parts.js";

const STATES = ["waiting", "deferred", "held", "delivered", "failed", "dropped"];
const TIMES = [
  ["1", "last hour"],
  ["24", "last day"],
  ["168", "last week"],
  ["8760", "ever"],
];
const MOST = 100;

export function show({ root, signal, query: address, go, refresh }) {
  const wish = Object.fromEntries(["to", "from", "state"].map((name) => [name, address.get(name) ?? ""]));
  wish.sinceHours = address.get("sinceHours") ?? "168";
  const list = h("div");
  const change = () => {
    history.replaceState({}, "", `/messages${query(wish)}`);
    void refresh();
  };
  root.append(h("h1", {}, "Messages"), toolbar(wish, change, go), list);
  return async () => {
    const { messages } = await get(`/api/messages${query({ ...wish, limit: MOST })}`, signal);
    update(list, messages, results);
  };
}

function toolbar(wish, change, go) {
  const text = (name, placeholder, type = "text") =>
    h("input", { type, name, value: wish[name], placeholder, "aria-label": placeholder });
  const states = [["", "every state"], ...STATES.map((state) => [state, state])];
  const filter = h(
    "form.toolbar",
    {
      role: "search",
      onsubmit: (event) => {
        event.preventDefault();
        Object.assign(wish, Object.fromEntries(new FormData(filter)));
        change();
      },
      onchange: () => filter.requestSubmit(),
    },
    text("to", "To: address or domain", "search"),
    text("from", "From: address or domain"),
    select("state", states, wish.state, { "aria-label": "State" }),
    select("sinceHours", TIMES, wish.sinceHours, { "aria-label": "Time" }),
    h("button", { type: "submit" }, "Find"),
  );
  const id = h("input", {
    name: "id",
    required: true,
    placeholder: "Queue id or Message-ID",
    "aria-label": "Queue id or Message-ID",
  });
  const open = h(
    "form.toolbar",
    {
      onsubmit: (event) => {
        event.preventDefault();
        void go(`/messages/${encodeURIComponent(id.value.trim())}`);
      },
    },
    id,
    h("button", { type: "submit" }, "Open"),
  );
  return h("div.toolbars", {}, filter, open);
}

function results(messages) {
  if (messages.length === 0) return card("Messages", empty("No such messages."));
  const title = messages.length < MOST ? plural(messages.length, "message") : `The latest ${MOST} messages`;
  return card(title, table(messages, COLUMNS));
}

const COLUMNS = [
  { title: "Message", cell: ({ id }) => h("a", { href: `/messages/${id}`, "data-key": id }, h("code", {}, id)) },
  { title: "Accepted", number: true, cell: ({ accepted }) => when(accepted?.at) },
  { title: "State", cell: ({ state }) => badge(state) },
  { title: "From", cell: ({ accepted }) => accepted?.from || "<>" },
  { title: "To", cell: recipients },
  { title: "Why", wide: true, cell: why },
  { title: "Size", number: true, cell: ({ accepted }) => (accepted === undefined ? "–" : bytes(accepted.sizeBytes)) },
];

function recipients({ accepted, domains }) {
  if (accepted === undefined) return domains.map(({ domain }) => domain).join(", ");
  return accepted.recipients <= 1 ? accepted.to[0] : `${accepted.to[0]} and ${accepted.recipients - 1} more`;
}

function why({ explanation }) {
  const several = explanation.domains.length > 1;
  const words = explanation.domains
    .map(({ domain, summary }) => (several ? `${domain}: ${summary}` : summary))
    .join("; ");
  return h("span.clamp", { title: words }, words);
}
