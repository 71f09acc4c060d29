/**
 * The receiving side of the long tests: one SMTP server that stands for all
 * recipient domains, and remembers every copy of every message it took. How it
 * treats a recipient is said by the name of the domain: `fast-1.test` is quick,
 * `slow-1.test` thinks before it takes a message, `grey-1.test` refuses each
 * recipient at first, `busy-1.test` each message at first, `mute-1.test` says
 * nothing to a message.
 */
import { createServer, type Socket } from "node:net";
import { listenOn } from "../../src/lab/loopback-server.ts";
import { createSmtpInput } from "../../src/lab/smtp-input.ts";

/** One arrival of a message at one recipient. Times are epoch milliseconds. */
export type Copy = {
  recipient: string;
  /** The relay's id for the message, out of its `Received` field. */
  queueId: string;
  /** When its transaction began. */
  mailAt: number;
  /** When it was answered 250. */
  takenAt: number;
};

export type Sink = {
  address: string;
  port: number;
  copies: Copy[];
  /** By recipient. */
  byRecipient: Map<string, Copy[]>;
  /** How many whole messages came in, whatever was answered. */
  messagesSeen(): number;
  close(): Promise<void>;
};

const THINKS_MS = 150;

/** @param random a number from 0 to below 1 */
export async function startSink(random: () => number = Math.random): Promise<Sink> {
  const refusedOnce = new Set<string>();
  const sink = { copies: [] as Copy[], byRecipient: new Map<string, Copy[]>() };
  const take = (copy: Copy) => {
    sink.copies.push(copy);
    const others = sink.byRecipient.get(copy.recipient);
    if (others === undefined) sink.byRecipient.set(copy.recipient, [copy]);
    else others.push(copy);
  };
  let messages = 0;
  const arrived = () => void messages++;
  const house = { take, arrived, refusedOnce, random };
  const server = createServer({ noDelay: true }, (socket) => converse(socket, house));
  const listening = await listenOn(server, { host: "127.0.0.1", port: 0 });
  return {
    ...sink,
    messagesSeen: () => messages,
    address: listening.address,
    port: listening.port,
    close: listening.close,
  };
}

type House = { take: (copy: Copy) => void; arrived: () => void; refusedOnce: Set<string>; random: () => number };

function converse(socket: Socket, { take, arrived, refusedOnce, random }: House): void {
  let mailAt = 0;
  let recipients: string[] = [];
  const say = (line: string) => void socket.write(`${line}\r\n`);
  const refusesAtFirst = (kind: string, what: string) => {
    if (!what.includes(`@${kind}-`) || refusedOnce.has(what)) return false;
    refusedOnce.add(what);
    return true;
  };
  const answerRecipient = (recipient: string) => {
    if (refusesAtFirst("grey", recipient)) return say("451 4.7.1 come back later");
    recipients.push(recipient);
    say("250 2.1.5 ok");
  };
  const answerMessage = (data: Buffer) => {
    arrived();
    const to = recipients;
    recipients = [];
    if (to[0]?.includes("@mute-")) return;
    if (refusesAtFirst("busy", to[0] ?? "")) return say("451 4.3.0 busy");
    const answer = () => {
      if (socket.destroyed) return;
      // A copy that cannot be told so is one all the same: it counts as arrived, and may come again.
      const copy = { queueId: queueIdOf(data), mailAt, takenAt: Date.now() };
      for (const recipient of to) take({ recipient, ...copy });
      say("250 2.0.0 taken");
    };
    if (to[0]?.includes("@slow-")) setTimeout(answer, random() * THINKS_MS);
    else answer();
  };
  const input = createSmtpInput({
    command(line) {
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "EHLO") say("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8");
      else if (verb === "MAIL") {
        mailAt = Date.now();
        recipients = [];
        say("250 2.1.0 ok");
      } else if (verb === "RCPT") answerRecipient(/<(.*)>/.exec(line)?.[1] ?? "");
      else if (verb === "DATA" && recipients.length === 0) say("503 5.5.1 no recipients");
      else if (verb === "DATA") {
        input.readMessage();
        say("354 go ahead");
      } else if (verb === "QUIT") socket.end("221 2.0.0 bye\r\n");
      else say("250 2.0.0 ok");
    },
    message: answerMessage,
    overflow: () => socket.destroy(),
  });
  socket.on("data", (chunk: Buffer) => input.push(chunk));
  // The relay at the other end is killed again and again.
  socket.on("error", () => socket.destroy());
  say("220 sink.test ESMTP");
}

const HEAD_BYTES = 2_048;

const queueIdOf = (data: Buffer): string =>
  /^Received:(?:.*\r\n[ \t])*?.*\bid ([^\s;]+)/.exec(data.toString("latin1", 0, HEAD_BYTES))?.[1] ?? "";
