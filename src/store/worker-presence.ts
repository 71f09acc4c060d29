/**
 * Who works on the delivery queue. A worker says every few seconds that it is
 * there; the jobs of one that is not there any more go back to the queue. Two
 * ways tell that:
 *
 * - It ran on this machine, and its process has ended: found out at once, so
 *   that a relay that crashed goes on with its mail as soon as it runs again.
 * - It has been silent for `silenceMs`, while others were heard. A Redis that
 *   was away, hung or loading its data silences everybody, and proves nothing:
 *   the time is counted anew then. A lock on each job, as BullMQ has it, would
 *   run out during such a time, and the mail be sent twice.
 *
 * BullMQ's locks say whose a job is, and are made to last. They run out by
 * themselves only where all this fails.
 *
 * A third kind of job is in nobody's hands: Redis gave it to a worker, and was
 * killed before it could say so. The worker itself finds those.
 */
import type { Redis } from "ioredis";
import { deliveryJobKey, workersKey } from "./keys.ts";
import { activeKey, lockSuffix, stalledCheckKey, stalledKey } from "./queue-layout.ts";
import { createScript } from "./script.ts";
import { isDead, ownPlace } from "./worker-place.ts";

export type PresenceParts = {
  redis: Redis;
  /** The worker's id: each of its locks begins with it. */
  id: string;
  /** The token of each job that the worker has in hand. */
  inHand: ReadonlyMap<string, string>;
  /** Makes BullMQ move jobs without a lock back to the queue. */
  moveFreed: () => Promise<unknown>;
  /** After how long a worker that is not heard of is held for dead. */
  silenceMs: number;
  onFault: (err: unknown) => void;
  /** So many jobs went back to the queue, whose worker died or never heard of them. */
  onFreed: (jobs: number) => void;
};

export type Presence = {
  /** Resolves when it has been said for the first time, and what dead workers left has been given back. */
  begun: Promise<void>;
  /** Looks for dead workers now, and not at the next time: somebody knows of one. */
  look(): Promise<void>;
  /** Says no more. With `goodbye` the worker is forgotten at once: it has nothing in hand. */
  end(goodbye: boolean): Promise<void>;
};

const BEATS_PER_SILENCE = 6;

export function startPresence(parts: PresenceParts): Presence {
  const { redis, id, silenceMs } = parts;
  const place = ownPlace();
  let suspects = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  const beat = async () => {
    const { others, mine } = readBeat(
      await beatScript(redis, [workersKey, activeKey], beatArguments(id, place, parts)),
    );
    const dead = others.filter((other) => other.silent || isDead(other.place)).map((other) => other.id);
    const notInHand = mine.filter(([job, token]) => parts.inHand.get(job) !== token);
    // Twice in a row: at the first time it may just be on its way.
    const forgotten = notInHand.filter(([job, token]) => suspects.get(job) === token);
    suspects = new Map(notInHand);
    if (dead.length + forgotten.length === 0) return;
    const freed = await freeScript(
      redis,
      [workersKey, activeKey, stalledKey, stalledCheckKey],
      [deliveryJobKey(""), dead.length, ...dead, ...forgotten.flat()],
    );
    if (Number(freed) === 0) return;
    parts.onFreed(Number(freed));
    await parts.moveFreed();
  };

  const live = async () => {
    clearTimeout(timer);
    try {
      await beat();
    } catch (err) {
      if (!ended) parts.onFault(err);
    }
    if (!ended) timer = setTimeout(() => void (running = live()), silenceMs / BEATS_PER_SILENCE).unref();
  };
  let running = live();

  return {
    begun: running,
    look: () => {
      if (!ended) running = running.then(live);
      return running;
    },
    end: async (goodbye) => {
      ended = true;
      clearTimeout(timer);
      if (!goodbye) return;
      await running;
      // Who cannot say goodbye is missed after a while.
      await redis.hdel(workersKey, id).catch(() => undefined);
    },
  };
}

function beatArguments(id: string, place: string, { silenceMs }: PresenceParts): (string | number)[] {
  return [id, place, silenceMs, deliveryJobKey(""), lockSuffix];
}

type Other = { id: string; silent: boolean; place: string };

function readBeat(reply: unknown): { others: Other[]; mine: [job: string, token: string][] } {
  const [others, mine] = reply as [[string, number, string][], [string, string][]];
  return { others: others.map(([id, silent, place]) => ({ id, silent: silent === 1, place })), mine };
}

// A field for each worker, `<when it was heard of> <its place>`, and two more:
// when any was heard of, and since when that has gone on without a gap. All by
// the clock of Redis.
//
// The owner of a lock who is in no field is told as a silent one, for its time
// is over: a worker says that it is there before it takes its first job.
const beatScript = createScript(`
  local workers, active = KEYS[1], KEYS[2]
  local me, place, silence, jobs, lockSuffix = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
  local time = redis.call("TIME")
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local last = tonumber(redis.call("HGET", workers, "@last") or 0)
  local since = tonumber(redis.call("HGET", workers, "@since") or 0)
  if now - last > silence / 2 then since = now end
  redis.call("HSET", workers, "@last", now, "@since", since, me, now .. " " .. place)
  local watched = now - since >= silence

  local others, known = {}, {}
  local fields = redis.call("HGETALL", workers)
  for i = 1, #fields, 2 do
    local id = fields[i]
    known[id] = true
    if id ~= me and id ~= "@last" and id ~= "@since" then
      local heard, where = string.match(fields[i + 1], "^(%d+) (.*)$")
      local silent = watched and now - tonumber(heard or 0) >= silence
      others[#others + 1] = { id, silent and 1 or 0, where or "" }
    end
  end

  local mine = {}
  for _, job in ipairs(redis.call("LRANGE", active, 0, -1)) do
    local token = redis.call("GET", jobs .. job .. lockSuffix)
    local owner = token and string.match(token, "^(.*):%d+$")
    if owner == me then
      mine[#mine + 1] = { job, token }
    elseif owner and not known[owner] and watched then
      known[owner] = true
      others[#others + 1] = { owner, 1, "" }
    end
  end
  return { others, mine }
`);

// Without its lock a marked job is what BullMQ calls stalled, and its next look
// for such jobs, which is made possible at once, moves it back.
const freeScript = createScript(`
  local workers, active, stalled, check = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
  local jobs, deadCount = ARGV[1], tonumber(ARGV[2])
  local dead, forgotten = {}, {}
  for i = 3, 2 + deadCount do
    dead[ARGV[i]] = true
    redis.call("HDEL", workers, ARGV[i])
  end
  for i = 3 + deadCount, #ARGV, 2 do forgotten[ARGV[i]] = ARGV[i + 1] end
  local freed = 0
  for _, job in ipairs(redis.call("LRANGE", active, 0, -1)) do
    local lock = jobs .. job .. "${lockSuffix}"
    local token = redis.call("GET", lock)
    if token and (forgotten[job] == token or dead[string.match(token, "^(.*):%d+$") or ""]) then
      redis.call("DEL", lock)
      redis.call("SADD", stalled, job)
      freed = freed + 1
    end
  end
  if freed > 0 then redis.call("DEL", check) end
  return freed
`);
