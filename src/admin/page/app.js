/**
 * The page: finds the view that belongs to the address, shows it, and keeps it
 * fresh while somebody looks.
 */
import { h } from "./dom.js";
import { tickTimes } from "./format.js";
import { show as showDomain } from "./views/domain.js";
import { show as showDomains } from "./views/domains.js";
import { show as showExceptions } from "./views/exceptions.js";
import { show as showIncidents } from "./views/incidents.js";
import { show as showMessage } from "./views/message.js";
import { show as showMessages } from "./views/messages.js";
import { show as showOverview } from "./views/overview.js";
import { show as showQueue } from "./views/queue.js";

const VIEWS = [
  [/^\/$/, "Overview", showOverview],
  [/^\/domains$/, "Domains", showDomains],
  [/^\/domains\/([^/]+)$/, "Domain", showDomain],
  [/^\/messages$/, "Messages", showMessages],
  [/^\/messages\/([^/]+)$/, "Message", showMessage],
  [/^\/queue$/, "Queue", showQueue],
  [/^\/incidents$/, "Incidents", showIncidents],
  [/^\/exceptions$/, "Exceptions", showExceptions],
];

const REFRESH_MS = 5_000;

const main = document.getElementById("main");
const state = document.getElementById("state");
let current = { refresh: async () => undefined, stop: new AbortController() };

/** Goes to an address of ours, as a link would. */
export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"]({}, "", address);
  return open();
}

async function open() {
  current.stop.abort();
  const stop = new AbortController();
  const [, name, show, parameter] = find(location.pathname);
  document.title = `${parameter ?? name} · sts-relay`;
  markCurrent(location.pathname);
  const root = h("div.view");
  const context = { root, parameter, query: new URLSearchParams(location.search), signal: stop.signal, go, refresh };
  current = { stop, refresh: show(context) };
  main.replaceChildren(root);
  await refresh();
  root.dataset.ready = "true";
}

function find(path) {
  for (const [pattern, name, show] of VIEWS) {
    const match = pattern.exec(path);
    if (match !== null) return [pattern, name, show, match[1] && decodeURIComponent(match[1])];
  }
  return VIEWS[0];
}

function markCurrent(path) {
  for (const link of document.querySelectorAll("nav a")) {
    const target = new URL(link.href).pathname;
    const isHere = target === "/" ? path === "/" : path === target || path.startsWith(`${target}/`);
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Asks again for what is shown. */
async function refresh() {
  const mine = current;
  try {
    await mine.refresh();
    if (mine === current) showState("", "");
  } catch (error) {
    if (error.name !== "AbortError" && mine === current) showState("bad", error.message);
  }
}

function showState(tone, text) {
  state.className = `state ${tone}`;
  state.textContent = text;
}

addEventListener("popstate", () => void open());

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : undefined;
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const url = new URL(link.href);
  const isOurs = url.origin === location.origin && VIEWS.some(([pattern]) => pattern.test(url.pathname));
  if (!isOurs || link.hash !== "" || link.target !== "") return;
  event.preventDefault();
  void go(url.pathname + url.search).then(() => {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  });
});

document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof Element && event.target.matches("input, select, textarea");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("input[type=search]");
  if (search === null) return;
  event.preventDefault();
  search.focus();
});

setInterval(tickTimes, 1_000);
setInterval(() => {
  const isBusy = document.querySelector("dialog[open]") !== null;
  if (!document.hidden && !isBusy) void refresh();
}, REFRESH_MS);

await open();
