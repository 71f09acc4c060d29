/**
 * One SMTP session of an MX host: joins the socket with the framing
 * (`smtp-input.ts`), the rules (`mx-dialogue.ts`) and the record.
 */
import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { MxBehaviour } from "./mx-behaviour.ts";
import { createDialogue, type Step, type TakenMessage } from "./mx-dialogue.ts";
import { createSessionRecord, type MxSession } from "./mx-record.ts";
import { createSmtpInput } from "./smtp-input.ts";

const IDLE_LIMIT_MS = 60_000;

export type MxSessionParts = {
  name: string;
  behaviour: MxBehaviour;
  secureContext: SecureContext;
  taken: (message: TakenMessage, session: MxSession) => void;
  /** Something was recorded. */
  changed: () => void;
};

export function serveMxSession(socket: Socket, parts: MxSessionParts): MxSession {
  const record = createSessionRecord(socket.remoteAddress ?? "");
  const dialogue = createDialogue({ ...parts, taken: (message) => parts.taken(message, record) });
  socket.setTimeout(IDLE_LIMIT_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    record.open = false;
    parts.changed();
  });

  /** Speaks on one of the two layers, until its end or STARTTLS. */
  function converse(layer: Socket, secure: boolean): void {
    let inMessage = false;

    const perform = (step: Step) => {
      if (step.reply !== "") layer.write(step.reply, "latin1");
      if (step.next === "read-message") input.readMessage();
      inMessage = step.next === "read-message";
      if (step.next === "end") layer.end();
      if (step.next === "cut") socket.destroy();
      if (step.next === "end" || step.next === "start-tls") input.stop();
      if (step.next === "start-tls") startTls();
    };

    const input = createSmtpInput({
      command(line) {
        record.commands.push({ line, secure });
        perform(dialogue.command(line));
      },
      message: (data) => perform(dialogue.message(data)),
      overflow: () => socket.destroy(),
    });

    layer.on("data", (chunk: Buffer) => {
      record.received(chunk, secure);
      if (inMessage && parts.behaviour.drop === "during-message") socket.destroy();
      else input.push(chunk);
      parts.changed();
    });
    if (!secure) perform(dialogue.greeting());
  }

  function startTls(): void {
    // What the client sent behind its STARTTLS came in clear: it is on record and never read. RFC 3207 section 4.2.
    const tls = new TLSSocket(socket, { isServer: true, secureContext: parts.secureContext });
    tls.on("error", (error: NodeJS.ErrnoException) => {
      if (record.tls === undefined) record.tlsFailure = error.code ?? error.message;
      socket.destroy();
    });
    tls.on("secure", () => {
      const { servername } = tls as { servername?: string | false | null };
      record.tls = {
        protocol: tls.getProtocol() ?? "unknown",
        cipher: tls.getCipher().name,
        servername: typeof servername === "string" ? servername : "",
      };
      dialogue.secured();
      parts.changed();
    });
    converse(tls, true);
  }

  converse(socket, false);
  return record;
}
