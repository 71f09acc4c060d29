/**
 * Mail transactions over an open session: one message to some recipients, and
 * what the server answered for each of them.
 * RFC 5321 section 3.3, RFC 6531 (SMTPUTF8), RFC 6152 (8BITMIME), RFC 3461 (DSN).
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { SMTPEnvelope } from "nodemailer/lib/smtp-connection";
import { type EnvelopeDsn, mailParameters, recipientParameters } from "../mail/dsn.ts";
import type { Announced, Connection } from "./connection.ts";
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
  /** What the sender wants to hear; the host must offer DSN. */
  dsn?: EnvelopeDsn;
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

export function createTransactions(connection: Connection, offers: Offers, limits: SessionLimits): Transactions {
  // After anything but a plain success the server may still hold an open transaction. RFC 5321 section 4.1.1.5.
  let needsReset = false;
  return {
    async send(mail, signal) {
      if (mail.smtputf8 && !offers.smtputf8) throw new Error("SMTPUTF8 is not offered by this host");
      if (mail.dsn !== undefined && offers.dsn !== true) throw new Error("DSN is not offered by this host");
      const book: Book = {
        from: mail.from === "" ? false : mail.from,
        to: mail.to,
        size: mail.data.length,
        use8BitMime: mail.eightBit,
      };
      let heardBefore: number | undefined;
      try {
        if (needsReset) await reset(connection, limits, signal);
        needsReset = true;
        heardBefore = connection.heard;
        const response = await transfer(connection, book, mail, limits, signal);
        needsReset = (book.rejectedErrors?.length ?? 0) > 0;
        return { kind: "answered", answers: [...refused(book), ...accepted(book, "message", response)] };
      } catch (error) {
        const unanswered = heardBefore === undefined || heardBefore === connection.heard;
        const result = readError(error as SendError, book, mail, connection.lastServerResponse || "", unanswered);
        if (result.kind === "broken") connection.close();
        return result;
      } finally {
        // Over TLS a write is told to be done one turn late.
        if (connection.sending) await nextTurn();
        // The reply came before the end of the message: the next command would become part of it.
        if (connection.sending) connection.close();
      }
    },
  };
}

function reset(connection: Connection, limits: SessionLimits, signal: AbortSignal | undefined): Promise<void> {
  return withLimit(connection, limits.commandTimeoutMs, signal, (done) => {
    connection.reset((error) => done(error ?? undefined));
  });
}

async function transfer(
  connection: Connection,
  book: Book,
  mail: Mail,
  limits: SessionLimits,
  signal: AbortSignal | undefined,
): Promise<string> {
  let response = "";
  const longest =
    2 * limits.commandTimeoutMs + limits.dataTimeoutMs + (mail.data.length / SLOWEST_BYTES_PER_SECOND) * 1000;
  const stopWatching = watchCommands(connection, limits.commandTimeoutMs);
  connection.announced = announcedFor(mail);
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
    connection.announced = undefined;
    stopWatching();
  }
}

/** Beside what nodemailer announces by itself. */
function announcedFor({ smtputf8, dsn }: Mail): Announced {
  const recipients = dsn?.recipients;
  return {
    smtputf8,
    mail: dsn === undefined ? [] : mailParameters(dsn),
    rcpt: (address) => recipientParameters(recipients?.get(address) ?? {}),
  };
}

/** Ends the session when a command before the message gets no reply in time. The message itself has a longer limit. */
function watchCommands(connection: Connection, timeoutMs: number): () => void {
  let heard = connection.heard;
  const timer = setInterval(() => {
    const inMessage = (connection.lastServerResponse || "").startsWith("354");
    if (!inMessage && connection.heard === heard) connection.close();
    heard = connection.heard;
  }, timeoutMs);
  const stop = () => {
    clearInterval(timer);
    connection.removeListener("end", stop);
  };
  connection.once("end", stop);
  return stop;
}

/** Runs one step; the end of the session, the limit or the signal end it too. */
function withLimit(
  connection: Connection,
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
  const closing = reply?.code === CLOSING || error.code === "ECONNECTION";
  if (reply !== undefined && !closing) {
    if (error.command === "MAIL FROM") return { kind: "answered", answers: all(mail, "mail", reply) };
    if (error.command === "RCPT TO") return { kind: "answered", answers: refused(book) };
    if (error.command === "DATA") {
      const stage = error.code === "EMESSAGE" ? "message" : "data";
      return { kind: "answered", answers: [...refused(book), ...accepted(book, stage, error.response ?? "")] };
    }
  }
  const atMessage = lastResponse.startsWith("354") || (error.code === "EMESSAGE" && error.command === "DATA");
  const broken = {
    kind: "broken" as const,
    answers: refused(book),
    uncertain: atMessage && reply === undefined,
    // "421" in the place of the first reply: the host had given the session up before it heard of this message.
    unanswered: unanswered || (reply?.code === CLOSING && error.command === "MAIL FROM"),
    detail: brokenWords(error, reply),
  };
  return reply === undefined ? broken : { ...broken, reply };
}

/** The server ends the session, whatever it was asked. RFC 5321 section 3.8. */
const CLOSING = 421;

function brokenWords({ code, response }: SendError, reply: Reply | undefined): string {
  if (reply !== undefined) return `it ended the session: "${reply.text}"`;
  if (code === "ETIMEDOUT") return "it did not answer in time";
  if (code === "ABORTED") return "the attempt was broken off";
  return response === undefined ? "it dropped the connection" : "its reply is not SMTP";
}

function refused(book: Book): RecipientAnswer[] {
  return (book.rejectedErrors ?? []).flatMap((error) => {
    const reply = readReply(error.response ?? "");
    // What a server says when it goes is no word on the recipient it was asked about.
    return reply === undefined || reply.code === CLOSING || error.recipient === undefined
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
