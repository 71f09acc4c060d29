import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { printable, progressBar, renderColumns, widthOf, withProgress, wrapped } from "../../src/cli/terminal.ts";

type Row = { name: string; count: number; why: string };

const COLUMNS = [
  { title: "name", cell: ({ name }: Row) => name, flexible: true },
  { title: "count", cell: ({ count }: Row) => String(count), right: true },
  { title: "why", cell: ({ why }: Row) => why, flexible: true },
];
const ROWS = [
  { name: "one.example", count: 12, why: "mx.one.example: it refuses connections, and has done so for a long time" },
  { name: "a-very-long-name.example.org", count: 7, why: "" },
];

test("a table is as wide as it must be, and no wider than the terminal", () => {
  assert.equal(
    renderColumns(ROWS, COLUMNS, Infinity),
    [
      "name                          count  why",
      "one.example                      12  mx.one.example: it refuses connections, and has done so for a long time",
      "a-very-long-name.example.org      7",
      "",
    ].join("\n"),
  );
  for (const width of [40, 60, 80, 100]) {
    const lines = renderColumns(ROWS, COLUMNS, width).split("\n");
    assert.ok(Math.max(...lines.map(({ length }) => length)) <= width, `${width}: ${lines.join("\n")}`);
    assert.match(lines[1] ?? "", /…$/);
  }
});

test("what a stranger's host said cannot steer the terminal", () => {
  assert.equal(printable("a\u001B[2Jb\r\nc\u202Ed"), "a?[2Jb c?d");
});

test("long text is broken at blanks, and a long word is left whole", () => {
  assert.equal(wrapped("one two three", 8, "  "), "one two\n  three");
  assert.equal(wrapped("a incomprehensibilities b", 5, ""), "a\nincomprehensibilities\nb");
});

test("where the output is no terminal nothing is cut short", () => {
  assert.equal(widthOf({}), Infinity);
  assert.equal(widthOf({ isTTY: true, columns: 120 }), 120);
});

test("progress is drawn on a terminal only, and taken away in the end", async () => {
  assert.equal(progressBar(1_000, 4_000), `[${"#".repeat(8)}${".".repeat(22)}] 1,000 of 4,000`);
  assert.equal(progressBar(0, 0), `[${"#".repeat(30)}] 0 of 0`);
  for (const isTTY of [true, false]) {
    const stream = Object.assign(new PassThrough(), { isTTY }) as unknown as NodeJS.WriteStream & PassThrough;
    const result = await withProgress(stream, async (onProgress) => {
      const until = Date.now() + 350;
      while (Date.now() < until) onProgress(1, 2);
      return "done";
    });
    assert.equal(result, "done");
    const written = stream.read()?.toString() ?? "";
    assert.equal(written.includes("1 of 2"), isTTY);
    assert.equal(written.endsWith("\r\u001B[K"), isTTY);
  }
});
