/**
 * A map with an upper limit: what was used longest ago makes room for what is
 * new. Names come from strangers, so nothing kept per name may grow for ever.
 */
export type BoundedMap<V> = {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
};

/**
 * @param most the greatest sum of all sizes; a single larger value is not kept
 * @param sizeOf what one value counts for. Default: 1 each
 */
export function createBoundedMap<V>(most: number, sizeOf: (value: V) => number = () => 1): BoundedMap<V> {
  // A Map iterates in the order of insertion: the first entry is the oldest.
  const entries = new Map<string, { value: V; size: number }>();
  let total = 0;

  const remove = (key: string) => {
    total -= entries.get(key)?.size ?? 0;
    entries.delete(key);
  };

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    set(key, value) {
      remove(key);
      const size = sizeOf(value);
      entries.set(key, { value, size });
      total += size;
      for (const oldest of entries.keys()) {
        if (total <= most) break;
        remove(oldest);
      }
    },
    delete: remove,
  };
}
