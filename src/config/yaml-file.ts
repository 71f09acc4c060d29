/**
 * The configuration file: its settings, and the line where each one stands.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from "yaml";
import type { PlacedProblem, SettingPath } from "./problem.ts";

export type YamlFile = {
  /** The settings as written; a key with nothing behind it is left out. Empty when the file cannot be read as YAML. */
  settings: Record<string, unknown>;
  problems: PlacedProblem[];
  /** `config/relay.yaml:12`: the line of the setting, or of the nearest thing around it that is there. */
  placeOf(path: SettingPath): string | undefined;
};

/** Reads the text of a file; `name` is how messages call it. */
export function readYaml(text: string, name: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number | undefined) =>
    offset === undefined ? name : `${name}:${lines.linePos(Math.min(offset, text.length)).line}`;
  const broken = (place: string, what: string, right: string): YamlFile => ({
    settings: {},
    problems: [{ severity: "error", path: [], place, what, right }],
    placeOf: () => undefined,
  });

  const [error] = document.errors;
  if (error !== undefined) return broken(placeAt(error.pos[0]), error.message, yamlHint(error.code));
  const settings = toValue(document);
  if (settings === undefined) return broken(name, "it has aliases without end", "expected settings written out");
  if (settings === null) return { settings: {}, problems: [], placeOf: () => undefined };
  if (typeof settings !== "object" || Array.isArray(settings)) {
    return broken(
      placeAt(0),
      "it is not a map of settings",
      "expected lines like `delivery:` with settings indented below",
    );
  }
  return {
    settings: withoutEmpty(settings) as Record<string, unknown>,
    problems: [],
    placeOf: (path) => {
      const offset = offsetOf(document, path);
      return offset === undefined ? undefined : placeAt(offset);
    },
  };
}

function toValue(document: Document): unknown {
  try {
    return document.toJS();
  } catch {
    // The one thing `toJS` refuses in a document without errors: too many aliases.
    return undefined;
  }
}

/** `*` begins an alias in YAML, and a key such as `*.example.com` wants quotes: the mistake to expect here. */
function yamlHint(code: string): string {
  return code === "BAD_ALIAS" || code === "UNEXPECTED_TOKEN" || code === "IMPOSSIBLE"
    ? 'a key or value that begins with * stands in quotes: "*.example.com"'
    : "";
}

/** A key whose settings are all commented out reads as null: it stands for "not set". */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutEmpty(inner)]),
  );
}

function offsetOf(document: Document, path: SettingPath): number | undefined {
  let node = document.contents as Node | null | undefined;
  let offset: number | undefined;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else if (isSeq(node) && typeof step === "number") {
      node = node.items[step] as Node | undefined;
      offset = node?.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}
