/**
 * Maps and sets of things that come and go while the collection stays.
 *
 * When V8 makes room in a Map or Set, the table that was outgrown keeps what was
 * in it, and a link to its successor. Once the first such table has become old, its
 * successors and all that was ever in them live until V8 next looks through all of
 * its memory: what should have been gone in milliseconds fills it instead. In a Map
 * of five entries at a time, each replaced by a new one, all that passes is kept so.
 * Here the tables hold but slots, and a slot is emptied when its thing goes.
 *
 * Seen with V8 13.6; `passing.test.ts` compares.
 */

/** For keys that hold nothing themselves. In the order of insertion, as in a Map. */
export class PassingMap<K extends string | number, V> {
  readonly #slots = new Map<K, { value: V | undefined }>();

  get size(): number {
    return this.#slots.size;
  }

  get(key: K): V | undefined {
    return this.#slots.get(key)?.value;
  }

  has(key: K): boolean {
    return this.#slots.has(key);
  }

  set(key: K, value: V): this {
    const slot = this.#slots.get(key);
    if (slot === undefined) this.#slots.set(key, { value });
    else slot.value = value;
    return this;
  }

  delete(key: K): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    slot.value = undefined;
    return this.#slots.delete(key);
  }

  *[Symbol.iterator](): MapIterator<[K, V]> {
    for (const [key, { value }] of this.#slots) yield [key, value as V];
  }

  *values(): MapIterator<V> {
    for (const { value } of this.#slots.values()) yield value as V;
  }
}

/** A Map for code that wants one, with objects for keys. */
export class PassingObjectMap<K extends object, V> extends Map<K, V> {
  // Not in the slots' Map by themselves: its tables would hold them.
  #numbers = new WeakMap<K, number>();
  #entries = new PassingMap<number, [K, V]>();
  #next = 0;

  override get size(): number {
    return this.#entries.size;
  }

  override get(key: K): V | undefined {
    return this.#entries.get(this.#numbers.get(key) ?? -1)?.[1];
  }

  override has(key: K): boolean {
    return this.#numbers.has(key);
  }

  override set(key: K, value: V): this {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#next++;
      this.#numbers.set(key, number);
    }
    this.#entries.set(number, [key, value]);
    return this;
  }

  override delete(key: K): boolean {
    const number = this.#numbers.get(key);
    if (number === undefined) return false;
    this.#numbers.delete(key);
    return this.#entries.delete(number);
  }

  override clear(): void {
    for (const key of this.keys()) this.delete(key);
  }

  override forEach(each: (value: V, key: K, map: Map<K, V>) => void): void {
    for (const [key, value] of this.entries()) each(value, key, this);
  }

  override [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#entries.values();
  }

  override entries(): MapIterator<[K, V]> {
    return this.#entries.values();
  }

  override *keys(): MapIterator<K> {
    for (const [key] of this.#entries.values()) yield key;
  }

  override *values(): MapIterator<V> {
    for (const [, value] of this.#entries.values()) yield value;
  }
}

/** A Set for code that wants one. */
export class PassingSet<T extends object> extends Set<T> {
  #members = new PassingObjectMap<T, T>();

  override get size(): number {
    return this.#members.size;
  }

  override has(member: T): boolean {
    return this.#members.has(member);
  }

  override add(member: T): this {
    if (!this.#members.has(member)) this.#members.set(member, member);
    return this;
  }

  override delete(member: T): boolean {
    return this.#members.delete(member);
  }

  override clear(): void {
    this.#members.clear();
  }

  override forEach(each: (member: T, again: T, set: Set<T>) => void): void {
    for (const member of this.#members.keys()) each(member, member, this);
  }

  override [Symbol.iterator](): SetIterator<T> {
    return this.#members.keys();
  }

  override keys(): SetIterator<T> {
    return this.#members.keys();
  }

  override values(): SetIterator<T> {
    return this.#members.keys();
  }

  override entries(): SetIterator<[T, T]> {
    return this.#members.entries();
  }
}
