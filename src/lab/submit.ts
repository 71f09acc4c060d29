/**
 * Hands one message to a relay over SMTP, as an application does. RFC 5321
 * section 3.3; without TLS and login, for loopback.
 */
import { connect } from "node:net";

export type Submission = {
  from: string;
  to: string[];
  /** Lines ended by CRLF. */
  data: string;
};

export type SubmissionResult =
  /** `id` is what the relay says in `queued as <id>`. */
  | { kind: "queued"; id: string }
  /** With the whole reply. */
  | { kind: "refused"; reply: string };

/** Rejects when the relay cannot be reached, falls silent for `timeoutMs`, or gives no id. */
export async function submitMessage(
  to: { host: string; port: number },
  message: Submission,
  timeoutMs = 10_000,
): Promise<SubmissionResult> {
  const socket = connect({ ...to, noDelay: true });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`the relay is silent for ${timeoutMs} ms`)));
  // Reading it tells; once nothing is read any more, nobody needs to know.
  socket.on("error", () => undefined);
  const replies = readReplies(socket);
  const ask = async (line: string, expected: string): Promise<string> => {
    if (line !== "") socket.write(`${line}\r\n`);
    const { value: reply } = await replies.next();
    if (reply === undefined) throw new Error("the relay closed the connection");
    if (!reply.startsWith(expected)) throw new Refusal(reply);
    return reply;
  };
  try {
    await ask("", "220");
    await ask("EHLO lab.test", "250");
    await ask(`MAIL FROM:<${message.from}>`, "250");
    for (const recipient of message.to) await ask(`RCPT TO:<${recipient}>`, "250");
    await ask("DATA", "354");
    const reply = await ask(`${withStuffing(message.data)}.`, "250");
    const id = /queued as (\S+)/.exec(reply)?.[1];
    if (id === undefined) throw new Error(`the relay's reply names no queue id: ${reply}`);
    socket.end("QUIT\r\n");
    return { kind: "queued", id };
  } catch (error) {
    if (error instanceof Refusal) return { kind: "refused", reply: error.reply };
    throw error;
  } finally {
    socket.destroySoon();
  }
}

class Refusal extends Error {
  readonly reply: string;
  constructor(reply: string) {
    super(reply);
    this.reply = reply;
  }
}

const MOST_REPLY_BYTES = 64 * 1024;

/** One reply at a time, its lines joined by a blank. */
async function* readReplies(socket: AsyncIterable<Buffer>): AsyncGenerator<string, undefined> {
  let pending = "";
  for await (const chunk of socket) {
    pending += chunk.toString("latin1");
    if (pending.length > MOST_REPLY_BYTES) throw new Error("the relay's reply is too long");
    for (let whole; (whole = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(pending));) {
      pending = pending.slice(whole[0].length);
      yield whole[0].trim().replaceAll("\r\n", " ");
    }
  }
  return undefined;
}

/** RFC 5321 section 4.5.2. */
function withStuffing(data: string): string {
  return data.replaceAll(/^\./gm, "..");
}
