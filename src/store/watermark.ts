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
  stop(): void;
};

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
  let isOver = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const look = async () => {
    // While Redis does not answer, the latest answer stands.
    const info = await redis.info("memory").catch(() => undefined);
    if (stopped) return;
    timer = setTimeout(() => void look(), everyMs).unref();
    if (info === undefined) return;
    memory = readMemory(info);
    const before = isOver;
    isOver = isOverWatermark(memory, fraction);
    if (isOver !== before) onChange?.(isOver, memory);
  };
  void look();

  return {
    get isOver() {
      return isOver;
    },
    get memory() {
      return memory;
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
