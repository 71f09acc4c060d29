/**
 * Makes elements. Text goes in as text nodes only: what strangers wrote (host
 * names, replies, certificates) can never become markup.
 */

/**
 * @param {string} tag `div`, or with classes: `div.card.wide`
 * @param {Record<string, unknown>} [props] attributes; functions are listeners: `onclick`
 * @param {...unknown} children nodes, text, lists of them; what is false or missing is left out
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length > 0) element.className = classes.join(" ");
  setProps(element, props);
  element.append(...nodesOf(children));
  return element;
}

/** An element of SVG. */
export function svg(name, props = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  setProps(element, props);
  element.append(...nodesOf(children));
  return element;
}

function setProps(element, props) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === false || value === null) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "selected") element[key] = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
}

const nodesOf = (children) =>
  children
    .flat(Infinity)
    .filter((child) => child !== undefined && child !== null && child !== false && child !== "")
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));

const shown = new WeakMap();

/**
 * Puts other content into a container, unless `data` is what it shows already.
 * Whoever has moved to something in it by keyboard finds himself there again.
 */
export function update(container, data, make) {
  const text = JSON.stringify(data);
  if (shown.get(container) === text) return;
  shown.set(container, text);
  const active = container.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  container.replaceChildren(...nodesOf([make(data)]));
  if (active !== undefined) container.querySelector(`[data-key="${CSS.escape(active)}"]`)?.focus();
}
