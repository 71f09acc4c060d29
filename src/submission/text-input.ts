/**
 * The text of a message on its way from smtp-server's parser to whoever collects it.
 *
 * Upstream makes a PassThrough for each message: a stream to write to and one to read
 * from, for a text that mostly comes in one piece. That takes a twentieth of all the
 * work of a relay more than this one, which can be read like any other, and takes what
 * the parser has for it.
 */
import { Readable } from "node:stream";
import type { SMTPServerDataStream } from "smtp-server";
import type { SMTPStream } from "smtp-server/lib/smtp-stream.js";

export class TextInput extends Readable {
  /** Kept up to date by upstream. */
  byteLength = 0;
  sizeExceeded = false;
  #ended = false;
  #isFull = false;

  get writable(): boolean {
    return !this.#ended && !this.destroyed;
  }

  get writableEnded(): boolean {
    return this.#ended;
  }

  /** `false`: wait for "drain" or "close". */
  write(chunk: Buffer): boolean {
    this.#isFull = !this.push(chunk);
    return !this.#isFull;
  }

  end(chunk?: Buffer): void {
    this.#ended = true;
    if (chunk !== undefined) this.push(chunk);
    this.push(null);
  }

  override _read(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.emit("drain");
  }
}

/** As upstream's, but for what it makes. */
export function takeTextIn(parser: SMTPStream): void {
  parser.startDataMode = (maxBytes) => {
    parser._dataMode = true;
    parser._maxBytes = Number(maxBytes) || Number.POSITIVE_INFINITY;
    parser.dataBytes = 0;
    parser._atDataStart = true;
    // Of a PassThrough it has what upstream and its callers use.
    const input = new TextInput() as unknown as SMTPServerDataStream;
    parser._dataStream = input;
    return input;
  };
}
