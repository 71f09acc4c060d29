/**
 * A man in the middle: a TCP proxy in front of an honest MX host which takes
 * STARTTLS out of its EHLO reply, and reads along. The attack that MTA-STS is
 * made against (RFC 8461 section 10.1); networks did this with SMTP in earnest.
 */
import { connect, createServer } from "node:net";
import { leakedBytes } from "./mx-record.ts";
import { listenOn } from "./loopback-server.ts";

export type ManInTheMiddle = {
  address: string;
  port: number;
  /** What clients sent, as it went by. */
  readonly read: Buffer;
  /** What of it belongs to a message (see `MxSession.leaked`). */
  readonly leaked: Buffer;
  close(): Promise<void>;
};

const MOST_READ_BYTES = 4 * 1024 * 1024;

export async function startManInTheMiddle(options: {
  host: string;
  port: number;
  /** Where the honest host listens. */
  target: { host: string; port: number };
}): Promise<ManInTheMiddle> {
  let read: Buffer = Buffer.alloc(0);
  const server = createServer({ noDelay: true }, (client) => {
    const honest = connect({ ...options.target, noDelay: true });
    const toHonest = createLineFilter((line) => {
      // A client may ask for TLS though it was not offered: the question must not arrive either.
      if (/^STARTTLS\r\n$/i.test(line)) client.write("502 5.5.1 unknown command\r\n");
      else honest.write(line, "latin1");
    });
    const fromHonest = createReplyFilter((reply) => client.write(reply, "latin1"));
    client.on("data", (chunk: Buffer) => {
      if (read.length < MOST_READ_BYTES) read = Buffer.concat([read, chunk]);
      toHonest(chunk);
    });
    honest.on("data", fromHonest);
    client.on("error", () => honest.destroy()).on("close", () => honest.destroy());
    honest.on("error", () => client.destroy()).on("end", () => client.end());
  });
  const { address, port, close } = await listenOn(server, options);
  return {
    address,
    port,
    close,
    get read() {
      return read;
    },
    get leaked() {
      return leakedBytes(read);
    },
  };
}

/** The reply without its STARTTLS line, and still well-formed. Lines keep their CRLF. */
export function stripStarttls(reply: string[]): string[] {
  const kept = reply.filter((line) => !/^250[- ]STARTTLS\r\n$/i.test(line));
  return kept.map((line, index) =>
    line.startsWith("250-") && index === kept.length - 1 ? `250 ${line.slice("250-".length)}` : line,
  );
}

function createReplyFilter(pass: (reply: string) => void): (chunk: Buffer) => void {
  let lines: string[] = [];
  return createLineFilter((line) => {
    lines.push(line);
    if (/^\d{3}-/.test(line)) return;
    pass(stripStarttls(lines).join(""));
    lines = [];
  });
}

function createLineFilter(take: (line: string) => void): (chunk: Buffer) => void {
  let pending = "";
  return (chunk) => {
    const lines = (pending + chunk.toString("latin1")).split(/(?<=\r\n)/);
    pending = lines.at(-1)?.endsWith("\r\n") ? "" : (lines.pop() ?? "");
    for (const line of lines) take(line);
  };
}
