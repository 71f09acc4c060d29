/**
 * Stops taking mail while there is still memory to deliver what is there. A
 * Redis that is entirely full cannot even hand out a job, and then nothing ever
 * makes room.
 */
import type { Redis } from "ioredis";
import { infoField } from "./durability.ts";

export type MemoryState = {
  usedBytes: number;
  /** 0: Redis has no limit of its own. */
  maxBytes: number;
};

export type Watermark = {
  /** `false` while nothing is known: then Redis itself says whether it takes more. */
  readonly isOver: boolean;
  /** `undefined` until Redis has said. */
  readonly memory: MemoryState | undefined;
  /** So much is on its way to Redis: it counts at once, and not only when Redis is asked again. */
  expect(bytes: number): void;
  stop(): void;
};

/** What a text takes in Redis, by its size: see `text-pieces.ts`. */
const ROOM_FACTOR = 1.05;

export function watchMemory(parts: {
  redis: Redis;
  /** Of `maxmemory`. Default: 0.9. */
  fraction?: number;
  /** Default: 1,000. */
  everyMs?: number;
  /** Called at each change. */
  onChange?: (isOver: boolean, memory: MemoryState) => void;
}): Watermark {
  const { redis, fraction = 0.9, everyMs = 1_000, onChange } = parts;
  let memory: MemoryState | undefined;
  let expectedBytes = 0;
  let toldOver = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const isOver = () =>
    memory !== undefined &&
    isOverWatermark({ ...memory, usedBytes: memory.usedBytes + ROOM_FACTOR * expectedBytes }, fraction);

  const look = async () => {
    const beforeBytes = expectedBytes;
    // While Redis does not answer, the latest answer stands.
    const info = await redis.info("memory").catch(() => undefined);
    if (stopped) return;
    timer = setTimeout(() => void look(), everyMs).unref();
    if (info === undefined) return;
    memory = readMemory(info);
    // What was sent before Redis answered is in its figure.
    expectedBytes -= beforeBytes;
    if (isOver() === toldOver) return;
    toldOver = !toldOver;
    onChange?.(toldOver, memory);
  };
  void look();

  return {
    get isOver() {
      return isOver();
    },
    get memory() {
      return memory;
    },
    expect: (bytes) => {
      expectedBytes += bytes;
    },
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Reads the section `memory` of `INFO`. */
export function readMemory(info: string): MemoryState {
  return {
    usedBytes: Number(infoField(info, "used_memory") ?? 0),
    maxBytes: Number(infoField(info, "maxmemory") ?? 0),
  };
}

export function isOverWatermark({ usedBytes, maxBytes }: MemoryState, fraction: number): boolean {
  return maxBytes > 0 && usedBytes > maxBytes * fraction;
}
