/** What became of messages. */
import { explain } from "../operate/explain.ts";
import type { MessageStory } from "../operate/message.ts";
import { message, MESSAGE_STATES } from "./answers.ts";
import type { ApiParts } from "./parts.ts";
import { missing, ok, route, type Route } from "./route.ts";
import { answer, limit, list, oneOf, request, shortText, TEXT } from "./schema.ts";

const DAY_MS = 86_400_000;

export function messageRoutes({ messages, now }: Pick<ApiParts, "messages" | "now">): Route[] {
  const explained = (story: MessageStory) => ({ ...story, explanation: explain(story, now()) });
  return [
    route(
      {
        method: "GET",
        path: "/api/messages",
        id: "listMessages",
        section: "Messages",
        summary: "Messages that something happened to lately, the latest first",
        query: request(
          {},
          {
            to: { ...TEXT, maxLength: 320, description: "Only to this address or domain." },
            from: { ...TEXT, maxLength: 320, description: "Only from this address or domain; `<>` for reports." },
            state: oneOf(...MESSAGE_STATES),
            sinceHours: { type: "number", exclusiveMinimum: 0, maximum: 24 * 366, default: 24 * 7 },
            limit: limit(500, 50),
          },
        ),
        answer: answer({ messages: list(message) }),
      },
      async ({ query: { to, from, state, sinceHours, limit: most }, signal }) => {
        const filter = {
          since: now() - (sinceHours * DAY_MS) / 24,
          most,
          ...(to === undefined || to === "" ? {} : { to }),
          ...(from === undefined || from === "" ? {} : { from: from === "<>" ? "" : from }),
          ...(state === undefined ? {} : { state }),
        };
        return ok({ messages: (await messages.list(filter, signal)).map(explained) });
      },
    ),
    route(
      {
        method: "GET",
        path: "/api/messages/{id}",
        id: "showMessage",
        section: "Messages",
        summary: "The story of a message, by queue id or Message-ID",
        details: "Several messages may have one Message-ID.",
        params: request({ id: shortText }),
        answer: answer({ messages: list(message) }),
        others: { 404: "Nothing is known of it: it never came here, or too long ago." },
      },
      async ({ params: { id } }) => {
        const found = await messages.find(id);
        return found.length === 0
          ? missing("nothing is known of this message")
          : ok({ messages: found.map(explained) });
      },
    ),
  ];
}
