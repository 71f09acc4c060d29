/** One recipient domain: its policy, its hosts, what protects its mail, and what an operator can do. */
import { get, post, remove } from "../api.js";
import { legend, stackedBars } from "../chart.js";
import { h, update } from "../dom.js";
import { number, percent, plural, seconds, when } from "../format.js";
import { ask, badge, button, card, during, empty, facts, table, toast, verdict } from "../parts.js";
import { checkResult } from "./check-result.js";
import { actionText, askForException, exceptionText } from "./exception-form.js";
import { incidentList } from "./incidents.js";

const PROTECTIONS = [
  ["verified", "verified TLS"],
  ["encrypted", "TLS, not verified"],
  ["clear", "in the clear"],
  ["refused", "refused: nothing sent"],
];

export function show({ root, parameter: domain, signal, refresh }) {
  const path = `/api/domains/${encodeURIComponent(domain)}`;
  const [head, checked, notices, policy, traffic, hosts, rule, past] = Array.from({ length: 8 }, () => h("div"));
  const check = button("Check now", () => void during(check, () => runCheck(path, checked, signal)), {
    tone: "primary",
    key: "check",
  });
  root.append(
    h("p.crumbs", {}, h("a", { href: "/domains" }, "Domains")),
    h("div.title", {}, h("h1", {}, domain), h("div.actions", {}, check)),
    head,
    checked,
    notices,
    h("div.columns", {}, h("div", {}, policy, rule), h("div", {}, traffic, past)),
    hosts,
  );
  return async () => {
    const now = await get(path, signal);
    update(head, [now.policy, now.queue, now.exception], () => headline(now));
    update(notices, now.incidents, incidentsCard);
    update(policy, now.policy, (known) => policyCard(known, refresh));
    update(traffic, [now.days, now.shadow], () => trafficCard(now));
    update(hosts, now.hosts, hostsCard);
    update(rule, [now.exception, now.configuredRule], () => ruleCard(now, refresh));
    update(past, [now.policy.history, now.trail], () => pastCard(now));
  };
}

async function runCheck(path, container, signal) {
  container.replaceChildren(
    card("Check", h("p.busy", { role: "status" }, "Asking the DNS, fetching the policy, meeting every mail host …")),
  );
  try {
    const result = await post(`${path}/check`, undefined, signal);
    container.replaceChildren(checkResult(result, () => container.replaceChildren()));
  } catch (error) {
    container.replaceChildren();
    throw error;
  }
}

function headline({ domain, policy, queue, exception }) {
  const inForce = policy.state === "in force";
  return h(
    "p.headline",
    {},
    inForce ? badge(policy.mode) : badge(policy.state === "none" ? "no policy" : policy.state, "plain"),
    exception && [" ", badge("exception", "hold", exceptionText(exception))],
    " · ",
    queue === undefined
      ? "no mail waits for it"
      : h(
          "a",
          { href: `/queue?to=${encodeURIComponent(domain)}` },
          plural(queue.queued, "delivery waits", "deliveries wait"),
        ),
    " · ",
    h("a", { href: `/messages?to=${encodeURIComponent(domain)}` }, "its messages"),
  );
}

const incidentsCard = (incidents) => {
  const open = incidents.filter(({ closedAt }) => closedAt === undefined);
  return open.length === 0 ? undefined : card("Open incidents", incidentList(open));
};

function policyCard(policy, refresh) {
  const { domain, state, mode, id, mx, maxAgeSeconds, text, failure } = policy;
  const fetchNow = button(
    "Fetch anew",
    () =>
      void during(fetchNow, async () => {
        const { said } = await post(`/api/policies/${encodeURIComponent(domain)}/refresh`);
        toast(said, "info");
        await refresh();
      }),
    { key: "refresh" },
  );
  const forget = button("Forget …", () => askToForget(domain, refresh), { key: "forget" });
  if (state === "none") {
    return card(
      "MTA-STS policy",
      [empty("None is cached: the domain publishes none, or no mail has asked for it."), failureText(failure)],
      { actions: [fetchNow] },
    );
  }
  return card(
    "MTA-STS policy",
    [
      facts([
        ["state", state],
        ["mode", mode && badge(mode)],
        ["id", id && h("code", {}, id)],
        [
          "hosts",
          mx &&
            h(
              "span",
              {},
              mx.map((host) => h("code.block", {}, host)),
            ),
        ],
        ["max_age", maxAgeSeconds === undefined ? undefined : seconds(maxAgeSeconds)],
        ["fetched", policy.fetchedAt && when(policy.fetchedAt)],
        ["expires", policy.expiresAt && when(policy.expiresAt)],
        ["fetched anew", policy.refreshAt && when(policy.refreshAt)],
        ["record checked", policy.checkedAt && when(policy.checkedAt)],
      ]),
      failureText(failure),
      text && h("details", {}, h("summary", { "data-key": "text" }, "The file as it was fetched"), h("pre", {}, text)),
    ],
    { actions: [fetchNow, forget] },
  );
}

const failureText = (failure) =>
  failure && h("p.problem", {}, "Last fetch failed ", when(failure.at), `: ${failure.detail}`);

function askToForget(domain, refresh) {
  ask({
    title: `Forget the policy of ${domain}?`,
    text: "Until it is fetched again, mail goes without it. It is fetched as soon as mail asks for it.",
    confirm: "Forget it",
    tone: "danger",
    async act() {
      await remove(`/api/policies/${encodeURIComponent(domain)}`);
      await refresh();
      return "The policy is forgotten.";
    },
  });
}

function trafficCard({ days, shadow }) {
  const bars = days.toReversed().map((day) => ({
    title: `${day.day}: ${PROTECTIONS.map(([name, text]) => `${day[name]} ${text}`).join(", ")}`,
    parts: day,
  }));
  const total = (name) => days.reduce((sum, day) => sum + day[name], 0);
  const sent = total("verified") + total("encrypted") + total("clear");
  const refused = total("refused");
  return card("What protected its mail", [
    h("p", {}, trafficWords(sent, total("verified"), refused)),
    stackedBars(
      bars,
      PROTECTIONS.map(([name]) => name),
      { label: "Sessions by protection on each of the last 14 days", height: 90 },
    ),
    legend(PROTECTIONS),
    shadow && shadowText(shadow),
  ]);
}

function trafficWords(sent, verified, refused) {
  const ended = refused === 0 ? "" : `${plural(refused, "session")} refused`;
  if (sent === 0 && refused === 0) return "No mail has gone to it in the last two weeks.";
  if (sent === 0) return `No mail could go to it in the last two weeks: ${ended}.`;
  return `${percent(verified / sent)} of ${plural(sent, "session")} over verified TLS in two weeks${ended && `; ${ended}`}.`;
}

function shadowText({ messages, refused, why, ready }) {
  const words = ready
    ? `Under enforce all ${plural(messages, "message")} would have been delivered: ready to enforce.`
    : `Under enforce ${number(refused)} of ${plural(messages, "message")} would have been refused:`;
  return h(
    "div.notice",
    {},
    h("p", {}, words),
    why.length > 0 &&
      h(
        "ul",
        {},
        why.slice(0, 5).map(({ what, messages: count }) => h("li", {}, `${what} (${number(count)})`)),
      ),
  );
}

function hostsCard(hosts) {
  if (hosts.length === 0) return card("Mail hosts", empty("None has been met in the last days."));
  const columns = [
    { title: "Host", cell: ({ host, address }) => [host, h("small.sub", {}, address)] },
    { title: "Met", number: true, cell: ({ at }) => when(at) },
    { title: "Protection", cell: ({ protection }) => badge(protection) },
    {
      title: "Verdict",
      cell: (host) => [verdict(host.verdict, host.reason), host.reason && h("small.sub", {}, host.reason)],
    },
    { title: "TLS", wide: true, cell: ({ tls }) => tls },
    { title: "Certificate", wide: true, cell: certificateText },
  ];
  return card("Mail hosts", table(hosts, columns));
}

function certificateText({ certificate }) {
  if (certificate === undefined) return "–";
  const { names, issuer, expiresAt } = certificate;
  return [
    names.join(", ") || "no host name",
    h("small.sub", {}, `from ${issuer}`, expiresAt && [", ends ", when(expiresAt)]),
  ];
}

function ruleCard({ domain, exception, configuredRule }, refresh) {
  const set = button(
    exception === undefined ? "Set an exception …" : "Replace …",
    () => askForException(domain, refresh),
    { key: "exception" },
  );
  const end =
    exception && button("End it now", () => void during(end, () => endException(domain, refresh)), { key: "end" });
  const content =
    exception === undefined
      ? h("p", {}, "The configuration's rule holds: ", badge(configuredRule, "plain"), ".")
      : facts([
          ["rule", exceptionText(exception)],
          ["set by", exception.by],
          ["reason", exception.reason],
          ["set", when(exception.setAt)],
          ["ends", when(exception.until, "when it is taken back")],
          ["below it", badge(configuredRule, "plain")],
        ]);
  return card("Rule", content, { actions: [set, end] });
}

async function endException(domain, refresh) {
  await remove(`/api/rules/${encodeURIComponent(domain)}`);
  toast("The configured rule holds again.");
  await refresh();
}

function pastCard({ policy, trail }) {
  const changes = policy.history.map(({ fetchedAt, mode, id, mx }) => ({
    at: fetchedAt,
    what: [badge(mode), ` policy ${id} fetched: ${mx.join(", ")}`],
  }));
  const actions = trail.map((action) => ({ at: action.at, what: actionText(action) }));
  const all = [...changes, ...actions].sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, 30);
  if (all.length === 0) return undefined;
  return card(
    "What happened",
    h(
      "ol.events",
      {},
      all.map(({ at, what }) => h("li", {}, when(at), " ", what)),
    ),
  );
}
