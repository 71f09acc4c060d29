/**
 * Mail programs of others, each told to hand one message to a relay: in the
 * clear, by STARTTLS or by implicit TLS, with or without a login.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { missingPrograms, programPath, runProgram } from "./real-programs.ts";

export type Way = { tls: "none" | "starttls" | "implicit"; auth?: "PLAIN" | "LOGIN" };

export type Handover = Way & {
  /** The name that the relay's certificate must have. */
  host: string;
  port: number;
  user: string;
  password: string;
  /** The only authority to trust. */
  caFile: string;
  from: string;
  to: string;
  /** The message with its line ends, dots not stuffed. */
  messageFile: string;
};

export type Client = {
  name: string;
  /** What it cannot do without, and is not on this machine. */
  missing: () => Promise<string[]>;
  /** Rejects when the program says that the message was not taken. */
  send: (handover: Handover) => Promise<unknown>;
};

/** `clear`, `STARTTLS + PLAIN` … */
export function wayName({ tls, auth }: Way): string {
  const words = { none: "clear", starttls: "STARTTLS", implicit: "implicit TLS" };
  return auth === undefined ? words[tls] : `${words[tls]} + ${auth}`;
}

/** It checks the chain, but not the name. */
export const swaksClient: Client = {
  name: "swaks",
  missing: async () => {
    const missing = missingPrograms(["swaks"]);
    if (missing.length > 0) return missing;
    const { stdout, stderr } = await runProgram(programPath("swaks"), ["--support"]);
    return `${stdout}${stderr}`.includes("=== TLS supported") ? [] : ["Net::SSLeay"];
  },
  async send(o) {
    // Without the dot swaks would put one more CRLF at the end.
    const dataFile = `${o.messageFile}.with-dot`;
    await writeFile(dataFile, Buffer.concat([await readFile(o.messageFile), Buffer.from(".\r\n")]));
    const options = [
      ["--server", o.host, "--port", String(o.port), "--ehlo", "client.test"],
      ["--from", o.from, "--to", o.to, "--data", `@${dataFile}`, "--silent", "3"],
      { none: [], starttls: ["--tls"], implicit: ["--tls-on-connect"] }[o.tls],
      o.tls === "none" ? [] : ["--tls-verify", "--tls-ca-path", o.caFile],
      o.auth === undefined ? [] : ["--auth", o.auth, "--auth-user", o.user, "--auth-password", o.password],
    ];
    return runProgram(programPath("swaks"), options.flat());
  },
};

export const smtplibClient: Client = {
  name: "Python's smtplib",
  missing: async () => missingPrograms(["python3"]),
  send: (o) => {
    const script = join(import.meta.dirname, "real-smtplib.py");
    return runProgram(programPath("python3"), [script, JSON.stringify({ ...o, auth: o.auth ?? null })]);
  },
};

export const curlClient: Client = {
  name: "curl",
  missing: async () => missingPrograms(["curl"]),
  send: (o) => {
    const options = [
      ["--silent", "--show-error", "--max-time", "20"],
      ["--url", `${o.tls === "implicit" ? "smtps" : "smtp"}://${o.host}:${o.port}/client.test`],
      ["--mail-from", o.from, "--mail-rcpt", o.to, "--upload-file", o.messageFile],
      o.tls === "none" ? [] : ["--ssl-reqd", "--cacert", o.caFile],
      o.auth === undefined ? [] : ["--user", `${o.user}:${o.password}`, "--login-options", `AUTH=${o.auth}`],
    ];
    return runProgram(programPath("curl"), options.flat());
  },
};

export const nodemailerClient: Client = {
  name: "nodemailer",
  missing: async () => [],
  async send(o) {
    const transport = createTransport({
      host: o.host,
      port: o.port,
      secure: o.tls === "implicit",
      requireTLS: o.tls === "starttls",
      ignoreTLS: o.tls === "none",
      tls: { ca: await readFile(o.caFile) },
      ...(o.auth === undefined ? {} : { auth: { user: o.user, pass: o.password }, authMethod: o.auth }),
    });
    try {
      return await transport.sendMail({
        envelope: { from: o.from, to: [o.to] },
        raw: await readFile(o.messageFile),
      });
    } finally {
      transport.close();
    }
  },
};
