/**
 * What an MX host learnt in one session, byte by byte: the proof that a host
 * which fails the policy learnt nothing of a message.
 */

export type MxSession = {
  readonly from: string;
  /** Command lines in order. `secure`: it came under TLS. */
  readonly commands: { line: string; secure: boolean }[];
  /** What came in clear, without the handshake's bytes: the first mebibyte. */
  readonly clear: Buffer;
  /** What came under TLS, decrypted: the first mebibyte. */
  readonly underTls: Buffer;
  /**
   * What came and is not one of the commands that say nothing of a message
   * (EHLO, HELO, STARTTLS, QUIT, NOOP, RSET): envelope, body, login, anything.
   */
  readonly leaked: Buffer;
  /** The handshake that was completed. `servername` is the SNI, `""` without. */
  tls?: { protocol: string; cipher: string; servername: string };
  /** The code of a handshake that failed. */
  tlsFailure?: string;
  open: boolean;
};

const MOST_BYTES = 1024 * 1024;

export function createSessionRecord(from: string): MxSession & { received(chunk: Buffer, secure: boolean): void } {
  const clear = createCapped();
  const underTls = createCapped();
  return {
    from,
    commands: [],
    open: true,
    received: (chunk, secure) => (secure ? underTls : clear).add(chunk),
    get clear() {
      return clear.bytes();
    },
    get underTls() {
      return underTls.bytes();
    },
    get leaked() {
      return Buffer.concat([leakedBytes(clear.bytes()), leakedBytes(underTls.bytes())]);
    },
  };
}

function createCapped() {
  const parts: Buffer[] = [];
  let room = MOST_BYTES;
  return {
    add(chunk: Buffer) {
      if (room > 0) parts.push(Buffer.from(chunk.subarray(0, room)));
      room = Math.max(0, room - chunk.length);
    },
    bytes: () => Buffer.concat(parts),
  };
}

const SAYS_NOTHING = /^(?:(?:EHLO|HELO) [\x21-\x7e]{1,255}|STARTTLS|QUIT|NOOP|RSET)\r\n$/i;

/** All but the lines that say nothing of a message. A line without its end says something. */
export function leakedBytes(received: Buffer): Buffer {
  const lines = received.toString("latin1").match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return Buffer.from(lines.filter((line) => !SAYS_NOTHING.test(line)).join(""), "latin1");
}
