/**
 * The receiving end of an SMTP connection, framed: bytes become command lines
 * and messages. RFC 5321 section 2.3.8 (only CRLF ends a line) and section
 * 4.5.2 (transparency).
 */

export type SmtpInput = {
  push(chunk: Buffer): void;
  /** What follows is a message, up to the line with a single dot. */
  readMessage(): void;
  /** Nothing that follows, or already waits, is read any more. */
  stop(): void;
};

export type SmtpInputHandlers = {
  /** A line without its CRLF, each character one byte (latin1). */
  command(line: string): void;
  /** A whole message, dots unstuffed, its last line ended. */
  message(data: Buffer): void;
  /** A line or a message is longer than the lab takes. Nothing more is read. */
  overflow(): void;
};

const MOST_LINE_BYTES = 16 * 1024;
const MOST_MESSAGE_BYTES = 64 * 1024 * 1024;
const END_OF_MESSAGE = "\r\n.\r\n";

export function createSmtpInput(on: SmtpInputHandlers): SmtpInput {
  let mode: "commands" | "message" | "stopped" = "commands";
  let line: Buffer = Buffer.alloc(0);
  let message = newMessage();

  // Each step takes what it understands from the front and returns the rest,
  // or `undefined` when all is taken. A handler may change the mode in between.
  const steps = {
    commands(chunk: Buffer): Buffer | undefined {
      line = Buffer.concat([line, chunk]);
      const end = line.indexOf("\r\n");
      if (end < 0 && line.length <= MOST_LINE_BYTES) return undefined;
      if (end < 0 || end > MOST_LINE_BYTES) return overflow();
      const rest = line.subarray(end + 2);
      const text = line.toString("latin1", 0, end);
      line = Buffer.alloc(0);
      on.command(text);
      return rest;
    },
    message(chunk: Buffer): Buffer | undefined {
      const rest = message.take(chunk);
      if (message.sizeBytes > MOST_MESSAGE_BYTES) return overflow();
      if (rest === undefined) return undefined;
      mode = "commands";
      on.message(message.content());
      return rest;
    },
    stopped: () => undefined,
  };

  function overflow(): undefined {
    mode = "stopped";
    on.overflow();
  }

  return {
    push(chunk) {
      let rest: Buffer | undefined = chunk;
      while (rest !== undefined && rest.length > 0) rest = steps[mode](rest);
    },
    readMessage() {
      mode = "message";
      message = newMessage();
    },
    stop() {
      mode = "stopped";
    },
  };
}

/** Collects a message until its end, which may come in pieces. */
function newMessage() {
  // The line end of the DATA command, so that an empty message ends like any other.
  const parts: Buffer[] = [Buffer.from("\r\n")];
  let tail = Buffer.from("\r\n");
  let sizeBytes = 0;
  return {
    get sizeBytes() {
      return sizeBytes;
    },
    /** What lies behind the message's end; `undefined` while it has not come. */
    take(chunk: Buffer): Buffer | undefined {
      const seen = Buffer.concat([tail, chunk]);
      const end = seen.indexOf(END_OF_MESSAGE);
      const used = end < 0 ? chunk.length : end + END_OF_MESSAGE.length - tail.length;
      parts.push(chunk.subarray(0, used));
      sizeBytes += used;
      tail = seen.subarray(-(END_OF_MESSAGE.length - 1));
      return end < 0 ? undefined : chunk.subarray(used);
    },
    content(): Buffer {
      const whole = Buffer.concat(parts);
      return withoutStuffing(whole.subarray(2, whole.length - ".\r\n".length));
    },
  };
}

/** A dot that begins a line was put before another. RFC 5321 section 4.5.2. */
function withoutStuffing(data: Buffer): Buffer {
  return Buffer.from(data.toString("latin1").replaceAll(/(^|\r\n)\./g, "$1"), "latin1");
}
