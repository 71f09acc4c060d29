/**
 * The exceptions as this process knows them: looked up for each message without
 * asking Redis, changed within a second of an operator's word.
 *
 * While Redis is away what is known stays in force: an exception may ask for
 * more than the configuration does.
 */
import type { Domain } from "../dns/answer.ts";
import type { OperatorAction } from "../store/operator-actions.ts";
import type { RuleStore } from "../store/rules.ts";
import { type Exception, isOver } from "../tls/exception.ts";

export type RuleBook = {
  /** The one in force. The same object as long as it is the same exception. */
  find(domain: Domain): Exception | undefined;
  all(): Exception[];
  /** Ends when what is being done is done. */
  close(): Promise<void>;
};

export type RuleBookParts = {
  store: Pick<RuleStore, "readSince" | "endDue" | "takeActions" | "listen">;
  now: () => number;
  /** What an operator did, or what ended by itself: told to one process. */
  onAction: (action: OperatorAction) => void;
  /**
   * This process goes by other rules for these domains now, or by another
   * policy. Where it rejects it is called again.
   */
  onChange: (domains: Domain[], signal: AbortSignal) => Promise<unknown>;
  /** Told once, until it has worked again. */
  onFault: (err: unknown) => void;
  /** How often to look, besides being told. Default: 500. */
  everyMs?: number;
};

/** Resolves when the exceptions are known: no mail may go out before. Rejects with a `StoreError` while Redis is away. */
export async function openRuleBook(parts: RuleBookParts): Promise<RuleBook> {
  const { store, now, everyMs = 500 } = parts;
  const stopping = new AbortController();
  let known = new Map<Domain, Exception>();
  let version: string | undefined;
  /** Domains whose mail is still to be made due. */
  const toTell = new Set<Domain>();
  let isFaulty = false;

  const read = async () => {
    const news = await store.readSince(version);
    if (news === undefined) return false;
    const before = known;
    known = merged(before, news.exceptions);
    if (version !== undefined) for (const domain of differing(before, known)) toTell.add(domain);
    ({ version } = news);
    return true;
  };

  const look = async () => {
    try {
      if ([...known.values()].some((exception) => isOver(exception, now()))) await store.endDue(now());
      if (await read()) await takeNews();
      const domains = [...toTell];
      if (domains.length > 0) await parts.onChange(domains, stopping.signal);
      for (const domain of domains) toTell.delete(domain);
      isFaulty = false;
    } catch (err) {
      if (!isFaulty && !stopping.signal.aborted) parts.onFault(err);
      isFaulty = true;
    }
  };
  // Mail whose rule was changed while no relay ran has not been made due yet.
  const takeNews = async () => {
    for (const action of await store.takeActions()) {
      parts.onAction(action);
      toTell.add(action.domain);
    }
  };

  await read();
  await takeNews();
  const looking = inTurn(look, stopping.signal);
  const timer = setInterval(looking.again, everyMs);
  const listening = store.listen(looking.again);
  looking.again();
  return {
    find(domain) {
      const exception = known.get(domain);
      return exception === undefined || isOver(exception, now()) ? undefined : exception;
    },
    all: () => [...known.values()].filter((exception) => !isOver(exception, now())),
    async close() {
      stopping.abort(new Error("the relay stops"));
      clearInterval(timer);
      await listening.stop();
      await looking.ended();
    },
  };
}

/** Those that did not change stay the very objects they were. */
function merged(before: Map<Domain, Exception>, exceptions: Exception[]): Map<Domain, Exception> {
  return new Map(
    exceptions.map((exception) => {
      const old = before.get(exception.domain);
      return [exception.domain, old !== undefined && isSame(old, exception) ? old : exception];
    }),
  );
}

/** The domains that have another exception in `after`, or none any more. */
function differing(before: Map<Domain, Exception>, after: Map<Domain, Exception>): Domain[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((domain) => before.get(domain) !== after.get(domain));
}

const isSame = (a: Exception, b: Exception) => JSON.stringify(a) === JSON.stringify(b);

/** One run at a time; however often it is asked for during a run, one more follows. */
function inTurn(run: () => Promise<void>, signal: AbortSignal) {
  let running: Promise<void> | undefined;
  let isWanted = false;
  const again = () => {
    isWanted = true;
    running ??= drain();
  };
  const drain = async () => {
    while (isWanted && !signal.aborted) {
      isWanted = false;
      await run();
    }
    running = undefined;
  };
  return { again, ended: async () => running };
}
