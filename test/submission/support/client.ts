/**
 * A client that says exactly what a test wants said: real ones are too polite.
 */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export type Client = AsyncDisposable & {
  socket: Socket;
  /** The next reply, its lines joined with `\n`; `undefined` once the server has closed. */
  reply(): Promise<string | undefined>;
  send(text: string | Buffer): void;
  /** Sends the line and waits for its reply. */
  command(line: string): Promise<string | undefined>;
  /** TLS over the same connection, after STARTTLS or at once. */
  startTls(ca: string): Promise<Client>;
  /** Resolves once the server has closed the connection. */
  closed: Promise<void>;
};

export async function connectClient(
  port: number,
  options: { allowHalfOpen?: boolean; localAddress?: string } = {},
): Promise<Client> {
  const socket = connectTcp({ port, host: "127.0.0.1", ...options });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("error", reject);
  });
  return clientOn(socket);
}

/** Connects, greets and says EHLO. */
export async function connectAndGreet(port: number): Promise<Client> {
  const client = await connectClient(port);
  await client.reply();
  await client.command("EHLO client.example");
  return client;
}

function clientOn(socket: Socket): Client {
  const replies: string[] = [];
  const waiting: ((reply: string | undefined) => void)[] = [];
  let rest = "";
  let lines: string[] = [];
  let ended = false;

  const onData = (chunk: Buffer) => {
    rest += chunk.toString("utf8");
    for (let end = rest.indexOf("\r\n"); end !== -1; end = rest.indexOf("\r\n")) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 2);
      lines.push(line);
      if (line[3] === "-") continue;
      const reply = lines.join("\n");
      lines = [];
      const next = waiting.shift();
      if (next === undefined) replies.push(reply);
      else next(reply);
    }
  };
  socket.on("data", onData);
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      ended = true;
      for (const next of waiting) next(undefined);
      resolve();
    });
  });

  const client: Client = {
    socket,
    closed,
    reply: () => {
      const next = replies.shift();
      if (next !== undefined || ended) return Promise.resolve(next);
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
    send: (text) => {
      socket.write(text);
    },
    command: (line) => {
      client.send(`${line}\r\n`);
      return client.reply();
    },
    startTls: async (ca) => {
      socket.off("data", onData);
      const secure = connectTls({ socket, ca, servername: "relay.example" });
      await new Promise<void>((resolve, reject) => {
        secure.once("secureConnect", resolve).once("error", reject);
      });
      return clientOn(secure);
    },
    [Symbol.asyncDispose]: async () => {
      socket.destroy();
      await closed;
    },
  };
  return client;
}
