/**
 * A mail host that says what a test tells it to, word for word: for what no
 * server in its senses would do. Well-behaved and merely insecure hosts are
 * `src/lab/mx-host.ts`.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import type { Issued } from "../../../src/lab/authority.ts";

export type ScriptedSession = {
  /** Lines received, and `.` for a message. */
  lines: string[];
  secure: boolean;
  /** The handshake took up an earlier TLS session. */
  resumed: boolean;
  open: boolean;
  socket: Socket;
};

/** A whole reply, or several, without the last CRLF; `undefined` for silence. After it: STARTTLS, or the end. */
export type Says = string | undefined | { reply?: string; next: "tls" | "end" | "destroy" } | Promise<string>;

export type ScriptedHost = AsyncDisposable & {
  port: number;
  sessions: ScriptedSession[];
  /** Resolves once the condition holds; it is looked at whenever something has happened here. */
  until(condition: () => boolean): Promise<void>;
};

export type Script = (line: string, session: ScriptedSession) => Says;

/** A host that takes everything, without PIPELINING. */
export const agreeable: Script = (line, { secure }) => {
  switch (line.split(" ")[0] ?? "") {
    case "EHLO":
      return `250-scripted\r\n250-SIZE 1000000\r\n250${secure ? " 8BITMIME" : "-8BITMIME\r\n250 STARTTLS"}`;
    case "STARTTLS":
      return { reply: "220 go ahead", next: "tls" };
    case "DATA":
      return "354 go on";
    case "QUIT":
      return { reply: "221 bye", next: "end" };
    default:
      return "250 ok";
  }
};

export async function startScriptedHost(options: {
  script: Script;
  /** `undefined` for silence. Default: 220. */
  greeting?: Says;
  certificate?: Issued;
  /** TLS from the first byte. */
  implicit?: boolean;
}): Promise<ScriptedHost> {
  const { certificate } = options;
  const secureContext = createSecureContext(
    certificate === undefined ? {} : { cert: certificate.certPem, key: certificate.keyPem },
  );
  const sessions: ScriptedSession[] = [];
  const watchers = new Set<() => void>();
  const changed = () => watchers.forEach((watcher) => watcher());

  const server = createServer({ noDelay: true }, (socket) => {
    const session: ScriptedSession = { lines: [], secure: false, resumed: false, open: true, socket };
    sessions.push(session);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      session.open = false;
      changed();
    });
    const greet = (layer: Socket) =>
      void say(layer, "greeting" in options ? options.greeting : "220 scripted ESMTP", session);
    const secure = (done: (layer: Socket) => void) => {
      socket.removeAllListeners("data");
      const tls = new TLSSocket(socket, { isServer: true, secureContext });
      tls.on("error", () => socket.destroy());
      tls.on("secure", () => {
        session.secure = true;
        session.resumed = tls.isSessionReused();
        done(tls);
        changed();
      });
      converse(tls);
    };
    const say = async (layer: Socket, says: Says, session: ScriptedSession) => {
      const what = await says;
      const { reply, next }: { reply?: string | undefined; next?: string } =
        typeof what === "object" ? what : { reply: what };
      if (reply !== undefined) layer.write(`${reply}\r\n`);
      if (next === "tls") secure(() => {});
      if (next === "end") layer.end();
      if (next === "destroy") session.socket.destroy();
    };
    const converse = (layer: Socket) => {
      let text = "";
      let inMessage = false;
      layer.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1");
        for (;;) {
          const end = inMessage ? /(?:^|\r\n)\.\r\n/ : /\r\n/;
          const match = end.exec(text);
          if (match === null) break;
          const line = inMessage ? "." : text.slice(0, match.index);
          text = text.slice(match.index + match[0].length);
          session.lines.push(line);
          const says = options.script(line, session);
          inMessage = typeof says === "string" && says.startsWith("354");
          void say(layer, says, session);
        }
        changed();
      });
    };
    if (options.implicit === true) secure(greet);
    else {
      converse(socket);
      greet(socket);
    }
    changed();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");

  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    async until(condition) {
      while (!condition()) {
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher);
            resolve();
          };
          watchers.add(watcher);
        });
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { socket } of sessions) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
