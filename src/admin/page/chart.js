/** Small charts, drawn as SVG. */
import { h, svg } from "./dom.js";

const WIDTH = 720;
const HEIGHT = 150;
const GAP = 2;

/**
 * Bars of stacked parts.
 * @param bars `{ title, parts: { <name>: number } }`, the oldest first
 * @param names of the parts, from the bottom up; each is a CSS class too
 */
export function stackedBars(bars, names, { label, height = HEIGHT }) {
  const most = Math.max(1, ...bars.map((bar) => names.reduce((sum, name) => sum + bar.parts[name], 0)));
  const width = WIDTH / bars.length;
  const columns = bars.map((bar, index) => {
    let top = height;
    const rects = names.map((name) => {
      const value = bar.parts[name];
      if (value === 0) return undefined;
      // What happened at all can be seen.
      const size = Math.max(2, (value / most) * (height - 4));
      top -= size;
      return svg("rect", {
        x: index * width,
        y: Math.max(0, top),
        width: Math.max(1, width - GAP),
        height: size,
        class: name,
        rx: 1,
      });
    });
    const hit = svg("rect", { x: index * width, y: 0, width, height, class: "hit" });
    return svg("g", {}, svg("title", {}, bar.title), hit, rects);
  });
  const lines = [0.25, 0.5, 0.75].map((part) =>
    svg("line", { x1: 0, x2: WIDTH, y1: height * part, y2: height * part, class: "grid" }),
  );
  return svg(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
      class: "chart",
    },
    lines,
    columns,
    svg("line", { x1: 0, x2: WIDTH, y1: height, y2: height, class: "axis" }),
  );
}

export const legend = (names) =>
  h(
    "p.legend",
    {},
    names.map(([name, text]) => h("span", {}, h(`i.${name}`, {}), text)),
  );

/** A share as a bar, 0 to 1. */
export function meter(share, label) {
  if (share === undefined) return h("span.quiet", {}, "–");
  const bar = svg(
    "svg",
    { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: "meter", role: "img", "aria-label": label },
    svg("rect", { width: 100, height: 8, class: "track" }),
    svg("rect", { width: share * 100, height: 8, class: share === 1 ? "full" : "part" }),
  );
  return h("span.share", {}, bar, h("span", {}, label));
}
