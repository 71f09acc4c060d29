/**
 * smtp-server's questions, answered: may this client log in, send from here, to
 * there, this message? The answers are made elsewhere; here they are put together.
 */
import type { SMTPServerAddress, SMTPServerEnvelope, SMTPServerOptions, SMTPServerSession } from "smtp-server";
import type { Domain } from "../dns/answer.ts";
import type { RecipientDsn } from "../mail/dsn.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { Events } from "../observe/events.ts";
import { accept, type AcceptParts } from "./accept.ts";
import { type AddressRules, judgeRecipient, judgeSender } from "./addresses.ts";
import { authenticate } from "./authenticate.ts";
import type { RelayConnection } from "./connection.ts";
import type { ByteBudget } from "./limits.ts";
import { judgeMailParameters, judgeRecipientParameters } from "./parameters.ts";
import type { Arrival } from "./prepare.ts";
import { refuseForRate } from "./rates.ts";
import { isRefusal, LOCAL_ERROR, type Reply, replyLine, replyText, TOO_MANY_RECIPIENTS } from "./reply.ts";
import type { IntakeRules } from "./rules.ts";
import { refuseToSend } from "./trust.ts";

export type HookParts = {
  hostname: Domain;
  rules: () => IntakeRules;
  accept: Omit<AcceptParts, "rules" | "limits">;
  /** For the whole text of a message. */
  dataTimeoutMs: number;
  budget: ByteBudget;
  connectionOf: (session: SMTPServerSession) => RelayConnection | undefined;
  events: Pick<Events, "submissionRefused" | "loginFailed" | "fault">;
};

type Hooks = Required<Pick<SMTPServerOptions, "onAuth" | "onMailFrom" | "onRcptTo" | "onData">>;

/** An envelope while it is being filled. */
type Transaction = Omit<Envelope, "to"> & { to: Set<string>; wishes: Map<string, RecipientDsn> };

/** Failed attempts to log in or to relay in one session before it is closed. */
const MAX_STRIKES = 5;

export function createHooks(parts: HookParts): Hooks {
  // smtp-server makes a new envelope object for each transaction. Ours is kept beside
  // it: upstream's list takes two recipients for one when they differ in case only.
  const transactions = new WeakMap<SMTPServerEnvelope, Transaction>();
  const strike = createStrikes();

  return {
    onAuth: (auth, session, callback) => {
      const login = async () => {
        const reply = await logIn(parts, session, auth);
        return reply === undefined ? undefined : strike(session, reply);
      };
      answer(parts, session, login, (err) => callback(err, err === null ? { user: auth.username } : undefined));
    },
    onMailFrom: (address, session, callback) => {
      const begin = () => {
        const denied = refuseClient(parts, session);
        if (denied !== undefined) return strike(session, denied);
        const begun = beginTransaction(parts, address);
        if (begun.kind === "refused") return begun.reply;
        transactions.set(session.envelope, begun.transaction);
        return refuseForRate("messages", parts.rules().rates, senderOf(session));
      };
      answer(parts, session, begin, callback);
    },
    onRcptTo: (address, session, callback) => {
      const add = () => addRecipient(parts, session, known(transactions.get(session.envelope)), address);
      answer(parts, session, add, callback);
    },
    onData: (stream, session, callback) => {
      const take = async () => {
        const arrival = arrivalOf(parts, session, known(transactions.get(session.envelope)));
        const { reply, hangUp } = await accept(acceptParts(parts), arrival, stream);
        const connection = parts.connectionOf(session);
        if (hangUp) connection?.hangUp(reply);
        if (!isRefusal(reply)) connection?.tookMessage();
        return reply;
      };
      answer(parts, session, take, callback);
    },
  };
}

/** Counts against a session what only strangers do; the last one closes it. */
function createStrikes(): (session: SMTPServerSession, reply: Reply) => Reply {
  const counts = new WeakMap<SMTPServerSession, number>();
  return (session, reply) => {
    const count = (counts.get(session) ?? 0) + 1;
    counts.set(session, count);
    return count < MAX_STRIKES ? reply : { code: 421, status: "4.7.0", text: "Too many errors" };
  };
}

async function logIn(
  parts: HookParts,
  session: SMTPServerSession,
  credentials: Parameters<typeof authenticate>[2],
): Promise<Reply | undefined> {
  const { login, loginGuard: guard } = parts.rules();
  const gone = parts.connectionOf(session)?.gone;
  // AUTH is not offered without a login; it may have been a moment ago.
  if (login === undefined || gone === undefined) return LOCAL_ERROR;
  return authenticate({ login, guard, events: parts.events }, session.remoteAddress, credentials, gone);
}

function refuseClient(parts: HookParts, session: SMTPServerSession): Reply | undefined {
  const { trust, login } = parts.rules();
  return refuseToSend({ ...senderOf(session), secure: session.secure }, trust, login !== undefined);
}

const senderOf = (session: SMTPServerSession) => ({ address: session.remoteAddress, user: userOf(session) });

function acceptParts({ accept: parts, hostname, rules, dataTimeoutMs, budget }: HookParts): AcceptParts {
  const { maxMessageBytes, bareLineEndings, maxReceived } = rules();
  return {
    ...parts,
    rules: { hostname, bareLineEndings, maxReceived },
    limits: { maxBytes: maxMessageBytes, timeoutMs: dataTimeoutMs, budget },
  };
}

const addressRules = ({ hostname, rules }: HookParts): Omit<AddressRules, "smtputf8"> => ({
  hostname,
  allowLiterals: rules().allowAddressLiterals,
});

function beginTransaction(
  parts: HookParts,
  given: SMTPServerAddress,
): { kind: "begun"; transaction: Transaction } | { kind: "refused"; reply: Reply } {
  const parameters = judgeMailParameters(given.args || {}, parts.rules().maxMessageBytes);
  if (parameters.kind === "refused") return parameters;
  const { kind: _, ...announced } = parameters;
  const sender = judgeSender(given.address, { ...addressRules(parts), smtputf8: parameters.smtputf8 });
  if (sender.kind === "refused") return sender;
  return { kind: "begun", transaction: { from: sender.address, to: new Set(), wishes: new Map(), ...announced } };
}

function addRecipient(
  parts: HookParts,
  session: SMTPServerSession,
  transaction: Transaction,
  given: SMTPServerAddress,
): Promise<Reply | undefined> | Reply | undefined {
  const parameters = judgeRecipientParameters(given.args || {});
  if (parameters.kind === "refused") return parameters.reply;
  const recipient = judgeRecipient(given.address, { ...addressRules(parts), smtputf8: transaction.smtputf8 });
  if (recipient.kind === "refused") return recipient.reply;
  const { to } = transaction;
  if (to.has(recipient.address)) return undefined;
  const { maxRecipients, rates } = parts.rules();
  if (to.size >= maxRecipients) return TOO_MANY_RECIPIENTS;
  const add = (refusal?: Reply) => {
    if (refusal !== undefined) return refusal;
    to.add(recipient.address);
    if (parameters.dsn !== undefined) transaction.wishes.set(recipient.address, parameters.dsn);
    return undefined;
  };
  return refuseForRate("recipients", rates, senderOf(session))?.then(add) ?? add();
}

function arrivalOf(parts: HookParts, session: SMTPServerSession, transaction: Transaction): Arrival {
  const user = userOf(session);
  const tls = parts.connectionOf(session)?.tlsFacts();
  return {
    envelope: envelopeOf(transaction),
    client: {
      name: session.hostNameAppearsAs,
      address: session.remoteAddress,
      ...(user === undefined ? {} : { user }),
    },
    protocol: {
      extended: session.openingCommand === "EHLO",
      tls: session.secure,
      authenticated: user !== undefined,
      smtputf8: transaction.smtputf8,
    },
    ...(tls === undefined ? {} : { tls }),
  };
}

function envelopeOf({ to, wishes, dsn, ...others }: Transaction): Envelope {
  const recipients = wishes.size === 0 ? {} : { recipients: wishes };
  const asked = dsn !== undefined || wishes.size > 0 ? { dsn: { ...dsn, ...recipients } } : {};
  return { ...others, to: [...to], ...asked };
}

function known(transaction: Transaction | undefined): Transaction {
  if (transaction === undefined) throw new Error("smtp-server went on without MAIL");
  return transaction;
}

const userOf = (session: SMTPServerSession) => (typeof session.user === "string" ? session.user : undefined);

/**
 * Runs a decision and calls smtp-server back, never within its own call: its parser
 * would forget the next command of a pipelining client, and the session hang.
 * `undefined` is "go on". A bug is answered 451; nothing here ends the process.
 */
function answer(
  parts: HookParts,
  session: SMTPServerSession,
  decide: () => Promise<Reply | undefined> | Reply | undefined,
  callback: (err: Error | null, text?: string) => void,
): void {
  const failed = (err: unknown): Reply => {
    parts.events.fault({ where: "submission", err });
    return LOCAL_ERROR;
  };
  const tell = (reply: Reply | undefined) => {
    try {
      if (reply === undefined) return callback(null);
      if (!isRefusal(reply)) return callback(null, replyText(reply));
      report(parts, session, reply);
      callback(Object.assign(new Error(replyText(reply)), { responseCode: reply.code }));
    } catch (err) {
      parts.events.fault({ where: "smtp-server", err });
    }
  };
  queueMicrotask(() => {
    try {
      const decided = decide();
      if (decided instanceof Promise) void decided.catch(failed).then(tell);
      else tell(decided);
    } catch (err) {
      tell(failed(err));
    }
  });
}

function report(parts: HookParts, session: SMTPServerSession, reply: Reply): void {
  const user = userOf(session);
  parts.events.submissionRefused({
    client: session.remoteAddress,
    reply: replyLine(reply),
    ...(user === undefined ? {} : { user }),
    ...(reply.detail === undefined ? {} : { detail: reply.detail }),
  });
}
