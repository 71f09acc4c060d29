/**
 * What an MX host answers to each command, and what it does then: the rules of
 * a receiving server without its sockets. RFC 5321 section 4, RFC 3207.
 */
import { type MxBehaviour, type ReplyLine, USUAL_KEYWORDS } from "./mx-behaviour.ts";

export type Step = {
  /** With its line ends; may hold several lines. Empty: nothing is said. */
  reply: string;
  next?: "read-message" | "start-tls" | "end" | "cut";
};

export type TakenMessage = { from: string; to: string[]; data: Buffer };

export type Dialogue = {
  greeting: () => Step;
  command: (line: string) => Step;
  message: (data: Buffer) => Step;
  /** The handshake is done: the client begins anew (RFC 3207 section 4.2). */
  secured: () => void;
};

const PATH = /^(?:FROM|TO):\s*<([^>]*)>/i;

export function createDialogue(parts: {
  name: string;
  behaviour: MxBehaviour;
  taken: (message: TakenMessage) => void;
}): Dialogue {
  const { name, behaviour } = parts;
  let secure = false;
  let greeted = false;
  let transaction: { from: string; to: string[] } | undefined;

  const hello = (reply: string): Step => {
    greeted = true;
    transaction = undefined;
    return { reply };
  };

  const commands: Record<string, (argument: string) => Step> = {
    EHLO: () => hello(multiline("250", [name, ...keywords(behaviour, secure)])),
    HELO: () => hello(`250 ${name}\r\n`),
    NOOP: () => say("250 2.0.0 ok"),
    QUIT: () => ({ ...say("221 2.0.0 bye"), next: "end" }),
    RSET: () => {
      transaction = undefined;
      return say("250 2.0.0 forgotten");
    },
    STARTTLS: () => (secure ? say("503 5.5.1 TLS is on already") : startTls(behaviour)),
    MAIL: (argument) => {
      const from = PATH.exec(argument)?.[1];
      if (!greeted || transaction !== undefined) return say("503 5.5.1 not now");
      if (from === undefined) return say("501 5.5.4 MAIL FROM:<address> is meant");
      const refusal = behaviour.mail?.(from);
      if (refusal === undefined) transaction = { from, to: [] };
      return say(refusal ?? "250 2.1.0 sender taken");
    },
    RCPT: (argument) => {
      const to = PATH.exec(argument)?.[1];
      if (transaction === undefined) return say("503 5.5.1 MAIL first");
      if (to === undefined || to === "") return say("501 5.5.4 RCPT TO:<address> is meant");
      const refusal = behaviour.rcpt?.(to, transaction.from);
      if (refusal === undefined) transaction.to.push(to);
      return say(refusal ?? "250 2.1.5 recipient taken");
    },
    DATA: () => {
      if (transaction === undefined) return say("503 5.5.1 MAIL first");
      if (transaction.to.length === 0) return say("554 5.5.1 no valid recipients");
      const reply = behaviour.data ?? "354 go on";
      return reply.startsWith("3") ? { ...say(reply), next: "read-message" } : say(reply);
    },
  };

  return {
    greeting() {
      if (behaviour.greeting === "never") return { reply: "" };
      const reply = behaviour.greeting ?? `220 ${name} ESMTP lab`;
      return reply.startsWith("2") ? say(reply) : { ...say(reply), next: "end" };
    },
    command(line) {
      const [verb, argument] = split(line);
      return commands[verb]?.(argument) ?? say("500 5.5.2 unknown command");
    },
    message(data) {
      const envelope = transaction ?? { from: "", to: [] };
      transaction = undefined;
      if (behaviour.drop !== undefined) return { reply: "", next: "cut" };
      const reply = behaviour.message ?? "250 2.0.0 taken";
      if (reply.startsWith("2")) parts.taken({ ...envelope, data });
      return say(reply);
    },
    secured() {
      secure = true;
      greeted = false;
      transaction = undefined;
    },
  };
}

const say = (reply: ReplyLine): Step => ({ reply: `${reply}\r\n` });

function split(line: string): [string, string] {
  const space = line.indexOf(" ");
  return space < 0 ? [line.toUpperCase(), ""] : [line.slice(0, space).toUpperCase(), line.slice(space + 1).trim()];
}

function keywords(behaviour: MxBehaviour, secure: boolean): string[] {
  const others = behaviour.keywords ?? USUAL_KEYWORDS;
  return secure || behaviour.starttls === "absent" ? others : [...others, "STARTTLS"];
}

function startTls(behaviour: MxBehaviour): Step {
  const { starttls = "offered" } = behaviour;
  if (starttls === "absent") return say("500 5.5.2 unknown command");
  if (starttls === "offered") return { reply: "220 2.0.0 ready\r\n", next: "start-tls" };
  if ("reply" in starttls) return say(starttls.reply);
  return { reply: `220 2.0.0 ready\r\n${starttls.inject}`, next: "start-tls" };
}

/** RFC 5321 section 4.2.1: a hyphen behind the code on every line but the last. */
function multiline(code: string, lines: string[]): string {
  return lines.map((line, index) => `${code}${index === lines.length - 1 ? " " : "-"}${line}\r\n`).join("");
}
