/**
 * An application that hands in mail over one connection for as long as the relay
 * lets it, and hands in again what was not answered 250: RFC 5321 section 4.5.4.1
 * asks no less of it.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export type Letter = { number: number; to: string[]; text: string };

/** One try to hand a letter in. */
export type Try =
  | { kind: "taken"; queueId: string; at: number }
  /** The relay said so, and keeps nothing. */
  | { kind: "refused"; reply: string; at: number }
  /** The whole text was sent, and no answer came: the relay may have it. */
  | { kind: "unanswered"; at: number }
  /** The connection ended before the text was sent. */
  | { kind: "unsent"; at: number };

export type Submitter = {
  /** One try. Never rejects. */
  hand(letter: Letter): Promise<Try>;
  close(): void;
};

const SILENCE_MS = 30_000;

export function createSubmitter(port: number): Submitter {
  let line: Line | undefined;
  const open = async (): Promise<Line> => {
    if (line !== undefined && !line.ended) return line;
    line = openLine(port);
    await line.ask("", "220");
    await line.ask("EHLO app.test", "250");
    return line;
  };
  return {
    async hand(letter) {
      let sent = false;
      try {
        const { ask } = await open();
        await ask("MAIL FROM:<app@sender.test>", "250");
        for (const to of letter.to) await ask(`RCPT TO:<${to}>`, "250");
        await ask("DATA", "354");
        sent = true;
        const reply = await ask(`${letter.text}\r\n.`, "250");
        return { kind: "taken", queueId: /queued as (\S+)/.exec(reply)?.[1] ?? "", at: Date.now() };
      } catch (err) {
        const at = Date.now();
        line?.close();
        if (err instanceof Refusal) return { kind: "refused", reply: err.message, at };
        return { kind: sent ? "unanswered" : "unsent", at };
      }
    },
    close: () => line?.close(),
  };
}

class Refusal extends Error {}

type Line = {
  readonly ended: boolean;
  ask: (command: string, expected: string) => Promise<string>;
  close: () => void;
};

function openLine(port: number): Line {
  const socket: Socket = connect({ host: "127.0.0.1", port, noDelay: true });
  let ended = false;
  let pending = "";
  let waiting: PromiseWithResolvers<string> | undefined;
  const end = () => {
    ended = true;
    waiting?.reject(new Error("the connection ended"));
    waiting = undefined;
  };
  const deliver = () => {
    const whole = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(pending)?.[0];
    if (whole === undefined || waiting === undefined) return;
    pending = pending.slice(whole.length);
    waiting.resolve(whole.trim());
    waiting = undefined;
  };
  socket.setTimeout(SILENCE_MS, () => socket.destroy());
  socket.on("error", () => undefined);
  socket.on("close", end);
  socket.on("end", () => socket.destroy());
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    pending += chunk;
    deliver();
  });
  return {
    get ended() {
      return ended;
    },
    async ask(command, expected) {
      if (ended) throw new Error("the connection ended");
      const answer = Promise.withResolvers<string>();
      waiting = answer;
      if (command !== "") socket.write(`${command}\r\n`, "latin1");
      deliver();
      const reply = await answer.promise;
      if (!reply.startsWith(expected)) throw new Refusal(reply);
      return reply;
    },
    close: () => socket.destroy(),
  };
}

/** Hands a letter in until it is taken. Gives all tries; the last one is not `taken` only when aborted. */
export async function handUntilTaken(
  submitter: Submitter,
  letter: Letter,
  signal: AbortSignal,
  pauseMs = 100,
): Promise<Try[]> {
  const tries: Try[] = [];
  while (!signal.aborted) {
    const one = await submitter.hand(letter);
    tries.push(one);
    if (one.kind === "taken") break;
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
  return tries;
}
