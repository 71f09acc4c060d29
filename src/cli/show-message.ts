/** Shows what became of messages: the whole story of one, or a list. */
import { explain, type Explanation } from "../operate/explain.ts";
import { createMessageService, type MessageFilter, type MessageStory } from "../operate/message.ts";
import { fromNow, timeText } from "../operate/rough-time.ts";
import { EXIT } from "./exit-codes.ts";
import { type Column, printable, renderColumns, widthOf, wrapped } from "./terminal.ts";
import { withStore } from "./with-store.ts";

type Where = { config?: string };

/** Answers with the exit code. */
export function showMessage(where: Where, id: string, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const stories = await createMessageService({ connection }).find(id);
    const now = Date.now();
    if (json) {
      const messages = stories.map((story) => ({ ...story, explanation: explain(story, now) }));
      process.stdout.write(`${JSON.stringify({ messages }, undefined, 2)}\n`);
    } else if (stories.length === 0) {
      process.stderr.write(
        `sts-relay message: nothing is known of ${printable(id)}. It never came here, or too long ago (history.retention).\n`,
      );
    } else {
      const width = Math.min(widthOf(process.stdout), 100);
      process.stdout.write(stories.map((story) => storyText(story, explain(story, now), width)).join("\n"));
    }
    return stories.length === 0 ? EXIT.failed : EXIT.ok;
  });
}

/** @param width columns to keep within */
export function storyText(story: MessageStory, { about, domains }: Explanation, width: number): string {
  const lines = [`Message ${story.id}`, ...about.map((line) => indented(line, width, "  "))];
  for (const { domain, summary, timeline, next } of domains) {
    lines.push("", indented(`${domain}: ${summary}`, width, ""));
    for (const { at, what, details } of timeline) {
      lines.push(indented(`${timeText(at)}  ${what}`, width, "  "));
      for (const detail of details) {
        lines.push(indented(detail.trimStart(), width, detail.startsWith(" ") ? "      " : "    "));
      }
    }
    for (const line of next) lines.push(indented(line, width, "  "));
  }
  return `${lines.join("\n")}\n`;
}

const indented = (text: string, width: number, indent: string) =>
  indent + wrapped(text, width - indent.length, `${indent}  `);

/** Answers with the exit code. */
export function listMessages(where: Where, filter: MessageFilter, json: boolean): Promise<number> {
  return withStore(where, async (connection) => {
    const stories = await createMessageService({ connection }).list(filter);
    if (json) process.stdout.write(`${JSON.stringify({ messages: stories }, undefined, 2)}\n`);
    else if (stories.length === 0) process.stdout.write("No such messages.\n");
    else process.stdout.write(renderColumns(stories, columns(Date.now()), widthOf(process.stdout)));
    return stories.length === 0 ? EXIT.failed : EXIT.ok;
  });
}

const columns = (now: number): Column<MessageStory>[] => [
  { title: "message", cell: ({ id }) => id },
  {
    title: "accepted",
    cell: ({ accepted }) => (accepted === undefined ? "" : fromNow(Date.parse(accepted.at), now)),
    right: true,
  },
  { title: "state", cell: ({ state }) => state },
  { title: "from", cell: ({ accepted }) => (accepted === undefined ? "" : accepted.from || "<>"), flexible: true },
  { title: "to", cell: recipientWords, flexible: true },
  { title: "why", cell: (story) => whyWords(story, now), flexible: true },
];

function recipientWords({ accepted, domains }: MessageStory): string {
  if (accepted === undefined) return domains.map(({ domain }) => domain).join(", ");
  const [first = ""] = accepted.to;
  return accepted.recipients <= 1 ? first : `${first} and ${accepted.recipients - 1} more`;
}

function whyWords(story: MessageStory, now: number): string {
  const told = explain(story, now).domains.filter(({ state }) => state !== "waiting");
  const several = story.domains.length > 1;
  return told.map(({ domain, summary }) => (several ? `${domain}: ${summary}` : summary)).join("; ");
}
