/** Whether memory grows: the straight line that lies closest to the samples of the second half. */

/** `at` in milliseconds since the start. */
export type Sample = { at: number; relayBytes: number; redisBytes: number };

export type Growth = {
  /** In bytes. */
  perHour: { relay: number; redis: number };
  /** In an hour, as a part of the mean size. */
  shareOfSize: { relay: number; redis: number };
};

/** The first half is left out: caches fill, and the garbage collector finds its pace. */
export function growth(samples: Sample[]): Growth {
  const half = samples.slice(Math.floor(samples.length / 2));
  const of = (bytes: (sample: Sample) => number) => {
    const perHour = slope(half.map((sample) => [sample.at, bytes(sample)])) * 3_600_000;
    const mean = half.reduce((sum, sample) => sum + bytes(sample), 0) / half.length;
    return { perHour, share: mean > 0 ? perHour / mean : 0 };
  };
  const relay = of((sample) => sample.relayBytes);
  const redis = of((sample) => sample.redisBytes);
  return {
    perHour: { relay: relay.perHour, redis: redis.perHour },
    shareOfSize: { relay: relay.share, redis: redis.share },
  };
}

/** By least squares. 0 for fewer than two points. */
function slope(points: [x: number, y: number][]): number {
  const n = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / n;
  const squares = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const products = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return squares > 0 ? products / squares : 0;
}
