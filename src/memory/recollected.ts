/**
 * A pure function that remembers what it said. The same few names and addresses
 * come with every message, and each is looked at several times.
 */

/** When it has remembered so many it forgets all: what is in use comes back at once, and a stranger's flood of names costs no more than without. */
const MOST = 4_096;

/** @param of must give the same for the same text, and a value that nobody changes */
export function recollected<T>(of: (text: string) => T): (text: string) => T {
  const known = new Map<string, { value: T }>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found.value;
    const value = of(text);
    if (known.size >= MOST) known.clear();
    known.set(text, { value });
    return value;
  };
}
