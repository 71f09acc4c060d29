/**
 * What became of a message, put together from its history and from the queue:
 * for the command line and the admin port alike.
 */
import type { Domain } from "../dns/answer.ts";
import type { AcceptedEntry, AttemptEntry, HistoryEntry, OperatorEntry } from "../mail/history.ts";
import type { StoreConnection } from "../store/connection.ts";
import { createHistoryReader, type MessageHistory } from "../store/history.ts";
import type { JobOrder } from "../store/job-order.ts";
import type { JobState } from "../store/queue-layout.ts";
import { type QueuedJob, readJobsOf } from "../store/queue-read.ts";
import { isFrom } from "./selection.ts";

/** `mixed`: the recipients fared differently. `unknown`: it has left the queue, and nobody wrote down how. */
export type MessageState = "waiting" | "deferred" | "held" | "delivered" | "failed" | "dropped" | "mixed" | "unknown";

/** What became of the recipients in one domain. */
export type DomainStory = {
  domain: Domain;
  state: MessageState;
  recipients: RecipientStory[];
  /** Attempts, reports, and what operators did; oldest first. */
  entries: Exclude<HistoryEntry, AcceptedEntry>[];
  /** As it stands in the queue; absent when it has left. */
  queue?: { state: JobState; at?: string; expiresAt: string; attempts: number; order?: JobOrder };
};

export type RecipientStory = {
  address: string;
  state: "waiting" | "delivered" | "failed";
  status?: string;
  detail?: string;
};

export type MessageStory = {
  id: string;
  state: MessageState;
  accepted?: AcceptedEntry;
  domains: DomainStory[];
};

export type MessageFilter = {
  /** An address or a domain. */
  to?: string;
  /** An address, a domain, or `""` for the null sender. */
  from?: string;
  state?: MessageState;
  /** Something has happened to it since then: epoch milliseconds. */
  since: number;
  most: number;
};

/** All methods reject with a `StoreError` while Redis is away. */
export type MessageService = {
  /** By queue id or Message-ID. Empty: nothing is known of it. */
  find(id: string): Promise<MessageStory[]>;
  /** The latest first. */
  list(filter: MessageFilter, signal?: AbortSignal): Promise<MessageStory[]>;
};

export function createMessageService({ connection }: { connection: Pick<StoreConnection, "redis"> }): MessageService {
  const history = createHistoryReader(connection);
  const tell = async (id: string): Promise<MessageStory | undefined> => {
    const [known, jobs] = await Promise.all([history.read(id), readJobsOf(connection.redis, id)]);
    return known === undefined && jobs.length === 0 ? undefined : storyOf(known ?? { id, entries: [] }, jobs);
  };
  const open = async (known: MessageHistory): Promise<MessageStory> => {
    const story = storyOf(known, undefined);
    // One that is settled has left the queue: it need not be asked.
    return isSettled(story.state) ? story : storyOf(known, await readJobsOf(connection.redis, known.id));
  };

  return {
    find: async (id) => {
      const story = await tell(id);
      if (story !== undefined) return [story];
      const ids = await history.withMessageId(id);
      const stories = await Promise.all(ids.map(tell));
      return stories.filter((each) => each !== undefined);
    },
    list: async ({ since, most, ...filter }, signal) => {
      const found: MessageStory[] = [];
      const { state, to } = filter;
      for await (const slice of history.latest(since, (accepted) => mayMatch(accepted, filter))) {
        signal?.throwIfAborted();
        for (let start = 0; start < slice.length; start += STEP) {
          const stories = await Promise.all(slice.slice(start, start + STEP).map(open));
          const meant = stories.filter((story) => to === undefined || isTo(story, to));
          found.push(...meant.filter((story) => state === undefined || hasState(story, state)));
          if (found.length >= most) return found.slice(0, most);
        }
      }
      return found;
    },
  };
}

/** Messages that are looked up in the queue together. */
const STEP = 50;

const isSettled = (state: MessageState) => state === "delivered" || state === "failed" || state === "dropped";

const hasState = (story: MessageStory, state: MessageState): boolean =>
  story.state === state || story.domains.some((each) => each.state === state);

/** Of many recipients only the first are written there: then it may match. */
function mayMatch(accepted: AcceptedEntry | undefined, { from, to }: Pick<MessageFilter, "from" | "to">): boolean {
  if (accepted === undefined) return from === undefined;
  if (from !== undefined && !isFrom(from, accepted.from)) return false;
  if (to === undefined || accepted.recipients > accepted.to.length) return true;
  return accepted.to.some((address) => isFrom(to, address));
}

const isTo = (story: MessageStory, to: string): boolean =>
  story.domains.some(
    ({ domain, recipients }) =>
      domain === to.replace(/^@/, "").toLowerCase() || recipients.some(({ address }) => isFrom(to, address)),
  );

/** Values to values: `jobs` are those that are in the queue still; `undefined`: it was not asked. */
export function storyOf({ id, entries }: MessageHistory, jobs: QueuedJob[] | undefined): MessageStory {
  const accepted = entries.find((entry) => entry.kind === "accepted");
  const others = entries.filter((entry) => entry.kind !== "accepted");
  const names = new Set([
    ...(accepted?.to ?? []).map((address) => address.slice(address.lastIndexOf("@") + 1)),
    ...others.map(({ domain }) => domain),
    ...(jobs ?? []).map(({ domain }) => domain),
  ]);
  const domains = [...names].map((domain) => {
    const mine = others.filter((entry) => entry.domain === domain).sort((a, b) => (a.at < b.at ? -1 : 1));
    const job = jobs?.find((each) => each.domain === domain);
    const story = domainStory(domain, mine, job, accepted);
    const isLost = jobs !== undefined && job === undefined && OPEN.has(story.state);
    return isLost ? { ...story, state: "unknown" as const } : story;
  });
  const states = new Set(domains.map(({ state }) => state));
  const state = states.size === 1 ? ([...states][0] ?? "unknown") : "mixed";
  return { id, state, ...(accepted === undefined ? {} : { accepted }), domains };
}

const OPEN = new Set<MessageState>(["waiting", "deferred"]);

function domainStory(
  domain: Domain,
  entries: DomainStory["entries"],
  job: QueuedJob | undefined,
  accepted: AcceptedEntry | undefined,
): DomainStory {
  const recipients = recipientsOf(domain, entries, job, accepted);
  const story = { domain, state: stateOf(entries, recipients, job), recipients, entries };
  if (job === undefined) return story;
  const { state, at, data, order } = job;
  const queue = {
    state,
    expiresAt: data.expiresAt,
    attempts: data.attempt,
    ...(at === undefined ? {} : { at: new Date(at).toISOString() }),
    ...(order === undefined ? {} : { order }),
  };
  return { ...story, queue };
}

/** The queue knows best; of what has left it, the latest outcome of each. */
function recipientsOf(
  domain: Domain,
  entries: DomainStory["entries"],
  job: QueuedJob | undefined,
  accepted: AcceptedEntry | undefined,
): RecipientStory[] {
  if (job !== undefined) {
    return job.data.recipients.map(({ address, state, status, detail }) => ({
      address,
      state,
      ...(status === undefined ? {} : { status }),
      ...(detail === undefined ? {} : { detail }),
    }));
  }
  const known = new Map<string, RecipientStory>();
  for (const address of accepted?.to ?? []) {
    if (address.endsWith(`@${domain}`)) known.set(address, { address, state: "waiting" });
  }
  for (const { outcomes } of entries.filter((entry): entry is AttemptEntry => entry.kind === "attempt")) {
    for (const { to, reason: _, ...outcome } of outcomes) {
      for (const address of to) known.set(address, { address, ...outcome });
    }
  }
  return [...known.values()];
}

function stateOf(
  entries: DomainStory["entries"],
  recipients: RecipientStory[],
  job: QueuedJob | undefined,
): MessageState {
  if (job?.state === "held") return "held";
  const states = new Set(recipients.map(({ state }) => state));
  if (!states.has("waiting")) return states.size === 1 ? ([...states][0] as MessageState) : "mixed";
  if (job !== undefined) return job.data.attempt === 0 ? "waiting" : "deferred";
  const dropped = entries.some((entry): entry is OperatorEntry => entry.kind === "operator" && entry.verb === "drop");
  if (dropped) return "dropped";
  // Its job is not asked for, or gone: the history alone tells.
  return entries.some(({ kind }) => kind === "attempt") ? "deferred" : "waiting";
}
