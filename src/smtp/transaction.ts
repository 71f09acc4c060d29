/**
 * Mail transactions over an open session: one message to some recipients, and
 * what the server answered for each of them.
 * RFC 5321 section 3.3, RFC 6531 (SMTPUTF8), RFC 6152 (8BITMIME).
 */
import type { SMTPEnvelope } from "nodemailer/lib/smtp-connection";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import { type Reply, readReply } from "./reply.ts";
import type { Offers, SessionLimits } from "./session.ts";

export type Mail = {
  /** `""` is the null sender. */
  from: string;
  /** At most 100: RFC 5321 section 4.5.3.1.8 promises no more. */
  to: string[];
  data: Buffer;
  /** Announce SMTPUTF8; the host must offer it. */
  smtputf8: boolean;
  /** Announce BODY=8BITMIME; the host must offer it. */
  eightBit: boolean;
};

/** `mail` and `data` concern every recipient, `rcpt` one, `message` all that were accepted. */
export type AnswerStage = "mail" | "rcpt" | "data" | "message";

export type RecipientAnswer = { address: string; stage: AnswerStage; reply: Reply };

export type TransactionResult =
  | { kind: "answered"; answers: RecipientAnswer[] }
  /** The session broke: what was answered before, and where. No answer for a recipient means it was not accepted, or nobody knows. */
  | {
      kind: "broken";
      answers: RecipientAnswer[];
      /** The server may have the whole message: its answer was lost. A second try may give a duplicate. */
      uncertain: boolean;
      /** Not one command of this transaction was answered: on a kept session, the host had closed it. */
      unanswered: boolean;
      detail: string;
      reply?: Reply;
    };

export type Transactions = {
  send(mail: Mail, signal?: AbortSignal): Promise<TransactionResult>;
};

/** What nodemailer writes into the envelope it is given, and into its errors. */
type Book = SMTPEnvelope & { accepted?: string[]; rejectedErrors?: SendError[] };
type SendError = { code?: string; command?: string; response?: string; recipient?: string };

/** The slowest transfer that is waited for. */
const SLOWEST_BYTES_PER_SECOND = 2048;

export function createTransactions(connection: SMTPConnection, offers: Offers, limits: SessionLimits): Transactions {
  // After anything but a plain success the server may still hold an open transaction. RFC 5321 section 4.1.1.5.
  let needsReset = false;
  return {
    async send(mail, signal) {
      if (mail.smtputf8 && !offers.smtputf8) throw new Error("SMTPUTF8 is not offered by this host");
      const before = connection.lastServerResponse;
      const book: Book = {
        from: mail.from === "" ? false : mail.from,
        to: mail.to,
        size: mail.data.length,
        use8BitMime: mail.eightBit,
      };
      try {
        if (needsReset) await reset(connection, limits);
        needsReset = true;
        const response = await transfer(connection, book, mail, limits, signal);
        needsReset = (book.rejectedErrors?.length ?? 0) > 0;
        return { kind: "answered", answers: [...refused(book), ...accepted(book, "message", response)] };
      } catch (error) {
        const unanswered = connection.lastServerResponse === before;
        const result = readError(error as SendError, book, mail, connection.lastServerResponse || "", unanswered);
        if (result.kind === "broken") connection.close();
        return result;
      }
    },
  };
}

function reset(connection: SMTPConnection, limits: SessionLimits): Promise<void> {
  return withLimit(connection, limits.commandTimeoutMs, undefined, (done) => {
    connection.reset((error) => done(error ?? undefined));
  });
}

async function transfer(
  connection: SMTPConnection,
  book: Book,
  mail: Mail,
  limits: SessionLimits,
  signal: AbortSignal | undefined,
): Promise<string> {
  let response = "";
  const longest =
    2 * limits.commandTimeoutMs + limits.dataTimeoutMs + (mail.data.length / SLOWEST_BYTES_PER_SECOND) * 1000;
  const stopWatching = watchCommands(connection, limits.commandTimeoutMs);
  const announce = connection as SMTPConnection & { announceSmtputf8?: boolean };
  announce.announceSmtputf8 = mail.smtputf8;
  try {
    await withLimit(connection, longest, signal, (done) => {
      // A Buffer, no stream: a source that fails midway would leave the session inside the message.
      connection.send(book, mail.data, (error, info) => {
        response = info?.response ?? "";
        done(error ?? undefined);
      });
    });
    return response;
  } finally {
    announce.announceSmtputf8 = false;
    stopWatching();
  }
}

/** Ends the session when a command before the message gets no reply in time. The message itself has a longer limit. */
function watchCommands(connection: SMTPConnection, timeoutMs: number): () => void {
  let seen = connection.lastServerResponse;
  const timer = setInterval(() => {
    const latest = connection.lastServerResponse;
    const inMessage = typeof latest === "string" && latest.startsWith("354");
    if (!inMessage && latest === seen) connection.close();
    seen = latest;
  }, timeoutMs);
  connection.once("end", () => clearInterval(timer));
  return () => clearInterval(timer);
}

/** Runs one step; the end of the session, the limit or the signal end it too. */
function withLimit(
  connection: SMTPConnection,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  step: (done: (error?: Error) => void) => void,
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const end = (error?: Error) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      connection.removeListener("end", ended);
      if (error === undefined) resolve();
      else reject(error);
    };
    const timer = setTimeout(() => end(coded("ETIMEDOUT")), timeoutMs);
    const aborted = () => end(coded("ABORTED"));
    // nodemailer's own error comes in the same turn; it tells more than the end does.
    const ended = () => setImmediate(end, coded("ETIMEDOUT"));
    if (signal?.aborted) return aborted();
    signal?.addEventListener("abort", aborted, { once: true });
    connection.once("end", ended);
    step(end);
  });
}

const coded = (code: string) => Object.assign(new Error(code), { code });

function readError(
  error: SendError,
  book: Book,
  mail: Mail,
  lastResponse: string,
  unanswered: boolean,
): TransactionResult {
  const reply = readReply(error.response ?? "");
  const closing = reply?.code === 421 || error.code === "ECONNECTION";
  if (reply !== undefined && !closing) {
    if (error.command === "MAIL FROM") return { kind: "answered", answers: all(mail, "mail", reply) };
    if (error.command === "RCPT TO") return { kind: "answered", answers: refused(book) };
    if (error.command === "DATA") {
      const stage = error.code === "EMESSAGE" ? "message" : "data";
      return { kind: "answered", answers: [...refused(book), ...accepted(book, stage, error.response ?? "")] };
    }
  }
  const broken = {
    kind: "broken" as const,
    answers: refused(book),
    uncertain: lastResponse.startsWith("354") && reply === undefined,
    unanswered,
    detail: brokenWords(error.code, reply),
  };
  return reply === undefined ? broken : { ...broken, reply };
}

function brokenWords(code: string | undefined, reply: Reply | undefined): string {
  if (reply !== undefined) return `it ended the session: "${reply.text}"`;
  if (code === "ETIMEDOUT") return "it did not answer in time";
  if (code === "ABORTED") return "the relay is stopping";
  return "it dropped the connection";
}

function refused(book: Book): RecipientAnswer[] {
  return (book.rejectedErrors ?? []).flatMap((error) => {
    const reply = readReply(error.response ?? "");
    return reply === undefined || error.recipient === undefined
      ? []
      : [{ address: error.recipient, stage: "rcpt" as const, reply }];
  });
}

function accepted(book: Book, stage: AnswerStage, response: string): RecipientAnswer[] {
  const reply = readReply(response) ?? { code: 250, text: "250" };
  return (book.accepted ?? []).map((address) => ({ address, stage, reply }));
}

function all(mail: Mail, stage: AnswerStage, reply: Reply): RecipientAnswer[] {
  return mail.to.map((address) => ({ address, stage, reply }));
}
