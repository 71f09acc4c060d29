/** What all views are made of: badges, cards, tables, dialogs, short messages. */
import { h } from "./dom.js";

const TONES = {
  enforce: "good",
  testing: "warn",
  none: "plain",
  delivered: "good",
  deferred: "warn",
  waiting: "info",
  active: "info",
  due: "info",
  held: "hold",
  failed: "bad",
  dropped: "bad",
  mixed: "warn",
  meets: "good",
  verified: "good",
  encrypted: "info",
  clear: "warn",
  refused: "bad",
  ok: "good",
  error: "bad",
  warning: "warn",
  info: "info",
};

/** A word with a colour; the colour says nothing that the word does not. */
export const badge = (word, tone = TONES[word] ?? "plain", title) => h(`span.badge.${tone}`, { title }, word);

/** The verdict on a session: good, or the name of what it lacks. */
export function verdict(word, reason) {
  if (word === undefined) return h("span.quiet", {}, "–");
  return badge(word === "meets" ? "ok" : word, word === "meets" ? "good" : "bad", reason);
}

export function card(title, content, { actions = [], id } = {}) {
  const head = h("div.card-head", {}, h("h2", {}, title), h("div.actions", {}, actions));
  return h("section.card", { id, "aria-label": title }, head, content);
}

export const empty = (text) => h("p.empty", {}, text);

/**
 * A table that becomes a list of cards on a narrow screen.
 * @param columns `{ title, cell(row), number?, wide?, sort? }`
 * @param sorting `{ key, order, by(key) }` where the table can be sorted
 */
export function table(rows, columns, { caption, sorting } = {}) {
  const heads = columns.map(({ title, number, sort }) => {
    if (sort === undefined || sorting === undefined) return h("th", { scope: "col", class: number && "number" }, title);
    const isSorted = sorting.key === sort;
    const state = isSorted ? (sorting.order === "asc" ? "ascending" : "descending") : undefined;
    const arrow = isSorted ? (sorting.order === "asc" ? " ↑" : " ↓") : "";
    const button = h(
      "button.sort",
      { type: "button", "data-key": `sort-${sort}`, onclick: () => sorting.by(sort) },
      title,
      arrow,
    );
    return h("th", { scope: "col", class: number && "number", "aria-sort": state }, button);
  });
  const body = rows.map((row) =>
    h(
      "tr",
      {},
      columns.map(({ title, cell, number, wide }, index) =>
        h(
          index === 0 ? "th" : "td",
          { scope: index === 0 && "row", "data-label": title, class: number ? "number" : wide && "wide" },
          cell(row),
        ),
      ),
    ),
  );
  return h(
    "div.scroll",
    {},
    h("table", {}, caption && h("caption", {}, caption), h("thead", {}, h("tr", {}, heads)), h("tbody", {}, body)),
  );
}

/** Names and values, one under the other. */
export const facts = (pairs) =>
  h(
    "dl.facts",
    {},
    pairs
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );

export function toast(text, tone = "good") {
  const element = h(`p.toast.${tone}`, {}, text);
  document.getElementById("toasts").append(element);
  setTimeout(() => element.remove(), 6_000);
}

export const button = (text, onclick, { tone = "", key, title, disabled = false } = {}) =>
  h(`button${tone && `.${tone}`}`, { type: "button", onclick, "data-key": key, title, disabled }, text);

/** Runs what a button does, once at a time; what goes wrong is shown. */
export async function during(element, work) {
  element.disabled = true;
  element.setAttribute("aria-busy", "true");
  try {
    return await work();
  } catch (error) {
    toast(error.message, "bad");
    return undefined;
  } finally {
    element.disabled = false;
    element.removeAttribute("aria-busy");
  }
}

/**
 * Asks for something in a dialog. `act` does it, and gives what to tell; where it
 * throws, the dialog stays and says why.
 */
export function ask({ title, text, fields = [], confirm, tone = "primary", act }) {
  const problem = h("p.problem", { role: "alert" });
  const go = h(`button.${tone}`, { type: "submit" }, confirm);
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", {}, title),
    text && h("p", {}, text),
    fields,
    problem,
    h("div.dialog-actions", {}, cancel, go),
  );
  const dialog = h("dialog", { "aria-label": title }, form);
  const send = async () => {
    problem.textContent = "";
    go.disabled = true;
    try {
      const told = await act(new FormData(form));
      dialog.close();
      if (told !== undefined) toast(told);
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      go.disabled = false;
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

export const labelled = (label, control, hint) =>
  h("label.field", {}, h("span", {}, label), control, hint && h("small", {}, hint));

export const select = (name, options, chosen, props = {}) =>
  h(
    "select",
    { name, ...props },
    options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
