/** What an operator can do with deliveries that wait. What cannot be undone is asked twice. */
import { post } from "../api.js";
import { h } from "../dom.js";
import { number, plural } from "../format.js";
import { ask, button, during, labelled, toast } from "../parts.js";

const DONE = {
  retry: "due now",
  hold: "held",
  release: "released",
  bounce: "given up",
  drop: "taken out",
};

const QUESTIONS = {
  hold: ["Hold", "It stays in the queue until it is released, and is not given up while it is held."],
  bounce: ["Bounce", "It is given up, and its sender gets a report with the reason. This cannot be undone."],
  drop: ["Drop", "It is taken out of the queue without a word to anybody. This cannot be undone."],
};

/** @param selection as the API takes it @param what in words @param isHeld some of it is held */
export function verbButtons(selection, what, refresh, isHeld) {
  const now = (verb, text) => {
    const element = button(text, () => void during(element, () => change(verb, selection, undefined, refresh)), {
      key: `${verb}-${what}`,
    });
    return element;
  };
  const asked = (verb, text, tone) =>
    button(text, () => void question(verb, selection, what, refresh), { tone, key: `${verb}-${what}` });
  return [
    now("retry", "Retry"),
    isHeld ? now("release", "Release") : asked("hold", "Hold …"),
    asked("bounce", "Bounce …"),
    asked("drop", "Drop …", "danger"),
  ];
}

async function question(verb, selection, what, refresh) {
  const [name, text] = QUESTIONS[verb];
  const { matched } = await post(`/api/queue/${verb}`, { ...selection, dryRun: true }).catch(() => ({
    matched: undefined,
  }));
  const count = matched === undefined ? "" : ` (${plural(matched, "delivery", "deliveries")})`;
  ask({
    title: `${name} ${what}${count}?`,
    text,
    fields: [
      labelled(
        "Reason",
        h("input", { name: "reason", maxlength: 500, required: verb === "bounce" }),
        "it goes into the history of each message",
      ),
    ],
    confirm: name,
    tone: verb === "hold" ? "primary" : "danger",
    act: (form) => change(verb, selection, form.get("reason").trim() || undefined, refresh),
  });
}

async function change(verb, selection, reason, refresh) {
  const body = { ...selection, ...(reason === undefined ? {} : { reason }) };
  const { matched, results } = await post(`/api/queue/${verb}`, body);
  const words = [
    results.done > 0 && `${number(results.done)} ${DONE[verb]}`,
    results.ordered > 0 && `${number(results.ordered)} ordered: the relay does it in a moment`,
    results.already > 0 && `${number(results.already)} left as they were`,
    results.gone > 0 && `${number(results.gone)} had left meanwhile`,
  ].filter(Boolean);
  toast(matched === 0 ? "There are no such deliveries any more." : words.join(", "), matched === 0 ? "warn" : "good");
  await refresh();
}
