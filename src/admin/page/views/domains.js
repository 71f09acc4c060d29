/** The table of recipient domains. The relay sorts, searches and pages: ten thousand rows are no more work than ten. */
import { get, query } from "../api.js";
import { meter } from "../chart.js";
import { h, update } from "../dom.js";
import { number, percent, plural, when } from "../format.js";
import { badge, button, card, empty, select, table, verdict } from "../parts.js";

const PAGE = 100;

/** In which order a column is first sorted. */
const FIRST = { domain: "asc", mode: "asc", expiresAt: "asc", verifiedShare: "asc" };

export function show({ root, signal, query: address, refresh }) {
  const wish = {
    search: address.get("search") ?? "",
    mode: address.get("mode") ?? "",
    trouble: address.get("trouble") === "true",
    sort: address.get("sort") ?? "domain",
    order: address.get("order") ?? "asc",
    offset: Number(address.get("offset") ?? 0),
  };
  const list = h("div");
  const change = (news) => {
    Object.assign(wish, { offset: 0 }, news);
    history.replaceState({}, "", `/domains${query(wish)}`);
    void refresh();
  };
  root.append(h("h1", {}, "Domains"), toolbar(wish, change), list);
  return async () => {
    const page = await get(`/api/domains${query({ ...wish, limit: PAGE })}`, signal);
    update(list, [page, wish], () => results(page, wish, change));
  };
}

function toolbar(wish, change) {
  let timer;
  const search = h("input", {
    type: "search",
    value: wish.search,
    placeholder: "Find a domain  ( / )",
    "aria-label": "Find a domain",
    oninput: (event) => {
      clearTimeout(timer);
      timer = setTimeout(() => change({ search: event.target.value.trim() }), 150);
    },
  });
  const mode = select(
    "mode",
    [
      ["", "every mode"],
      ["enforce", "enforce"],
      ["testing", "testing"],
      ["none", "no policy"],
    ],
    wish.mode,
    { "aria-label": "Policy mode", onchange: (event) => change({ mode: event.target.value }) },
  );
  const trouble = h("input", {
    type: "checkbox",
    checked: wish.trouble,
    onchange: (event) => change({ trouble: event.target.checked }),
  });
  return h("div.toolbar", { role: "search" }, search, mode, h("label.check", {}, trouble, "only what needs a look"));
}

function results(page, wish, change) {
  const { rows, matched, total, modes } = page;
  const sorting = {
    key: wish.sort,
    order: wish.order,
    by(key) {
      const first = FIRST[key] ?? "desc";
      const other = first === "asc" ? "desc" : "asc";
      change({ sort: key, order: wish.sort === key && wish.order === first ? other : first });
    },
  };
  const words = `${plural(total, "domain")}: ${number(modes.enforce)} enforce, ${number(modes.testing)} testing, ${number(modes.none)} without a policy`;
  return card(matched === total ? words : `${number(matched)} of ${words}`, [
    rows.length === 0
      ? empty(total === 0 ? "No mail has gone anywhere yet, and no policy is cached." : "No domain is like this.")
      : table(rows, COLUMNS, { sorting }),
    pager(wish, matched, change),
  ]);
}

const link = ({ domain, exception }) => [
  h("a", { href: `/domains/${encodeURIComponent(domain)}`, "data-key": `domain-${domain}` }, domain),
  exception && [" ", badge("exception", "hold", exception)],
];

const mode = ({ mode, policyState }) =>
  policyState === "none" || policyState === "in force"
    ? badge(mode === "none" && policyState === "none" ? "no policy" : mode)
    : badge(policyState, "plain");

const COLUMNS = [
  { title: "Domain", sort: "domain", cell: link },
  { title: "Policy", sort: "mode", cell: mode },
  { title: "Id", cell: ({ id = "–" }) => h("code.clamp", { title: id }, id) },
  { title: "Fetched", sort: "fetchedAt", number: true, cell: ({ fetchedAt }) => when(fetchedAt) },
  { title: "Expires", sort: "expiresAt", number: true, cell: ({ expiresAt }) => when(expiresAt) },
  { title: "Last verdict", sort: "verdict", cell: ({ verdict: word, reason }) => verdict(word, reason) },
  { title: "Last mail", sort: "lastAt", number: true, cell: ({ lastAt }) => when(lastAt) },
  {
    title: "Verified TLS",
    sort: "verifiedShare",
    cell: ({ verifiedShare }) => meter(verifiedShare, percent(verifiedShare)),
  },
  {
    title: "Incidents",
    sort: "incidents",
    number: true,
    cell: ({ incidents }) => (incidents === 0 ? "–" : badge(String(incidents), "bad")),
  },
];

function pager({ offset }, matched, change) {
  if (matched <= PAGE) return undefined;
  const last = Math.min(offset + PAGE, matched);
  return h(
    "div.pager",
    {},
    button("← Previous", () => change({ offset: Math.max(0, offset - PAGE) }), {
      key: "previous",
      disabled: offset === 0,
    }),
    h("span", {}, `${number(offset + 1)} to ${number(last)} of ${number(matched)}`),
    button("Next →", () => change({ offset: offset + PAGE }), { key: "next", disabled: last >= matched }),
  );
}
