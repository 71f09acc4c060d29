/**
 * The texts of messages that this process has put into the queue, until their
 * jobs are done. Most come back to it at once: a text that Redis need not give
 * back saves two of five copies of it, an eighth of all work at 64 KiB.
 *
 * Redis has them all. What is not here is read there.
 */
import { markOf } from "../mail/message-id.ts";
import { PassingMap } from "../memory/passing.ts";

export type KeptTextsOptions = {
  /** Of this process, in the ids of its messages. */
  mark: string;
  /** No more than this is kept. Default: 64 MiB. */
  maxBytes?: number;
  /** A longer text is not kept: its turn may not have come. Default: 1 MiB. */
  longestBytes?: number;
  /** What is older is taken to be with another process, or put off; it is looked for as often. Default: 10,000. */
  keptMs?: number;
};

type Kept = { text: Buffer; jobs: number; at: number };

export class KeptTexts {
  readonly mark: string;
  readonly #maxBytes: number;
  readonly #longestBytes: number;
  readonly #keptMs: number;
  /** In the order in which they came. */
  readonly #texts = new PassingMap<string, Kept>();
  #bytes = 0;
  #hasMissed = false;
  #isAging = false;

  constructor({ mark, maxBytes = 64 * 1024 ** 2, longestBytes = 1024 ** 2, keptMs = 10_000 }: KeptTextsOptions) {
    this.mark = mark;
    this.#maxBytes = maxBytes;
    this.#longestBytes = longestBytes;
    this.#keptMs = keptMs;
  }

  /** A message with so many jobs is about to be put into the queue. Another process' message is not kept. */
  keep(message: string, text: Buffer, jobs: number): void {
    if (markOf(message) !== this.mark || text.length > this.#longestBytes) return;
    if (this.#bytes + text.length > this.#maxBytes || this.#texts.has(message)) return;
    this.#texts.set(message, { text, jobs, at: performance.now() });
    this.#bytes += text.length;
    if (!this.#isAging) this.#ageLater();
  }

  /** For a job of this message; `isNew`: begun for the first time. */
  find(message: string, isNew: boolean): Buffer | undefined {
    const text = this.#texts.get(message)?.text;
    if (text !== undefined) this.#hasMissed = false;
    else if (isNew && markOf(message) === this.mark) this.#hasMissed = true;
    return text;
  }

  /**
   * The mark of messages whose texts Redis need not give with their jobs. Empty when the
   * last one that was looked for was not here: there are more than can be kept.
   */
  get known(): string {
    return this.#hasMissed ? "" : this.mark;
  }

  /** One of its jobs has been carried out. */
  done(message: string): void {
    const kept = this.#texts.get(message);
    if (kept !== undefined && (kept.jobs -= 1) === 0) this.#drop(message, kept);
  }

  /** It was not put into the queue. */
  forget(message: string): void {
    const kept = this.#texts.get(message);
    if (kept !== undefined) this.#drop(message, kept);
  }

  #drop(message: string, { text }: Kept): void {
    this.#texts.delete(message);
    this.#bytes -= text.length;
  }

  #ageLater(): void {
    this.#isAging = true;
    setTimeout(() => this.#age(), this.#keptMs).unref();
  }

  #age(): void {
    const before = performance.now() - this.#keptMs;
    for (const [message, kept] of this.#texts) {
      if (kept.at > before) break;
      this.#drop(message, kept);
    }
    if (this.#texts.size > 0) this.#ageLater();
    else this.#isAging = false;
  }
}
