import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { renderTable, wrap } from "../../src/lab/table.ts";
import type { TourRow } from "../../src/lab/tour.ts";

const ROWS: TourRow[] = [
  {
    domain: "good-enforce.test",
    shows: "all is right: policy, encryption, certificate",
    outcome: "delivered, verified TLS",
    why: "mx.good-enforce.test took it (TLSv1.3)",
    ok: true,
  },
  {
    domain: "a-domain-with-quite-a-long-name-indeed.test",
    shows: "the mail server offers no encryption",
    outcome: "deferred, nothing sent",
    why: "mx.example.test said:\r\n\u001b[31mred\u001b[0m and averyveryveryverylongwordthatfitsnowhere",
    ok: false,
    problem: "deferred, and delivered is right",
  },
];

test("a table fits into every width from 60 to 200, and loses no text", () => {
  for (const width of [60, 80, 100, 120, 200]) {
    const table = renderTable(ROWS, { width, colour: false });
    for (const line of table.split("\n")) assert.ok(line.length <= width, `${width}: ${line.length} ${line}`);
    const compact = table.replaceAll(/\s/g, "");
    assert.ok(compact.includes("✓good-enforce") && compact.includes("✗a-domain"), table);
    for (const word of ["certificate", "TLSv1.3", "deferred", "offers", "RIGHT:"])
      assert.ok(compact.includes(word), word);
  }
  assert.match(renderTable(ROWS, { width: 20, colour: false }), /domain/, "narrower than 60 is taken as 60");
});

test("the last line counts, and says whether all is as it must be", () => {
  const last = (rows: TourRow[]) => renderTable(rows, { width: 100, colour: false }).trimEnd().split("\n").at(-1);
  assert.equal(last(ROWS), "2 messages, 1 not as they must be");
  assert.equal(last(ROWS.slice(0, 1)), "1 messages, all as they must be");
  assert.equal(last([]), "0 messages, all as they must be");
});

test("what a stranger's server said cannot steer the terminal, and colour comes only when asked for", () => {
  const plain = renderTable(ROWS, { width: 120, colour: false });
  assert.equal(stripVTControlCharacters(plain), plain);
  assert.match(plain, /\?\[31mred\?\[0m/);
  const coloured = renderTable(ROWS, { width: 120, colour: true });
  assert.equal(stripVTControlCharacters(coloured), plain);
  assert.ok(coloured.includes("\u001b[32m✓"));
});

test("text is broken at blanks, and inside a word only where it must be", () => {
  const cases: [string, number, string[]][] = [
    ["", 5, [""]],
    ["abc", 5, ["abc"]],
    ["one two three", 7, ["one two", "three"]],
    ["abcdefgh", 3, ["abc", "def", "gh"]],
    ["mx.long-name.test", 8, ["mx.long-", "name.", "test"]],
    ["a bcdefg h", 4, ["a", "bcde", "fg h"]],
  ];
  for (const [text, width, expected] of cases) assert.deepEqual(wrap(text, width), expected, text);
});
