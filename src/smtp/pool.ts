/**
 * Open sessions kept for the next message to the same place. A session is lent
 * only where what its handshake proved is enough for what is required now: the
 * borrower judges, whoever the session was opened for.
 * TLS sessions are never resumed, so each kept session was proved by itself.
 */
import type { Session, SessionTarget } from "./session.ts";

export type PoolLimits = {
  /** How long a session may wait for its next message. */
  idleMs: number;
  /** Messages over one session, then it is ended. */
  messagesPerSession: number;
};

export type SessionPool = {
  /** A kept session to this target that `suffices` accepts, taken out of the pool. */
  lend(target: SessionTarget, suffices: (session: Session) => boolean): Session | undefined;
  /** Takes a session back after a message, or ends it when it has served its time. */
  giveBack(session: Session): void;
  /** Ends all kept sessions; those lent out are ended when they come back. */
  close(): void;
};

type Kept = { session: Session; timer: NodeJS.Timeout };

export function createSessionPool(limits: PoolLimits): SessionPool {
  const kept = new Map<string, Kept[]>();
  const messages = new WeakMap<Session, number>();
  let closed = false;

  const take = (key: string, which: Kept): Session => {
    clearTimeout(which.timer);
    const rest = (kept.get(key) ?? []).filter((other) => other !== which);
    if (rest.length === 0) kept.delete(key);
    else kept.set(key, rest);
    return which.session;
  };

  return {
    lend(target, suffices) {
      const key = poolKey(target);
      // The newest first: the older ones may rest until they are idle long enough to be ended.
      for (const candidate of (kept.get(key) ?? []).toReversed()) {
        if (candidate.session.closed) take(key, candidate);
        else if (suffices(candidate.session)) return take(key, candidate);
      }
      return undefined;
    },

    giveBack(session) {
      if (session.closed) return;
      const used = (messages.get(session) ?? 0) + 1;
      messages.set(session, used);
      if (closed || used >= limits.messagesPerSession) return session.quit();
      const key = poolKey(session.target);
      const entry: Kept = { session, timer: setTimeout(() => take(key, entry).quit(), limits.idleMs).unref() };
      kept.set(key, [...(kept.get(key) ?? []), entry]);
    },

    close() {
      closed = true;
      for (const [key, entries] of kept) for (const entry of entries) take(key, entry).quit();
    },
  };
}

function poolKey(target: SessionTarget): string {
  const { host, address, port, sourceAddress, implicitTls } = target;
  return [host, address, port, sourceAddress ?? "", implicitTls ? "tls" : ""].join(" ");
}
