/** A Postfix of its own for one test: configuration, queue, log and maildirs in one directory. */
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { programPath, runProgram } from "./real-programs.ts";
import {
  type EndedSession,
  isThere,
  readIfThere,
  readMaildir,
  type RealServer,
  type RealServerKind,
  type RealServerOptions,
  writeCertificate,
} from "./real-server.ts";

export const postfix: RealServerKind = { name: "Postfix", programs: ["postfix"], start: startPostfix };

/** `nobody`: no server's own user. */
const MAILBOX_UID = 65_534;

async function startPostfix(options: RealServerOptions): Promise<RealServer> {
  const { dir, users } = options;
  const config = join(dir, "etc");
  const mail = join(dir, "mail");
  const logFile = join(dir, "postfix.log");
  const files = await writeCertificate(dir, options.certificate);
  await Promise.all(["etc", "queue", "data", "mail"].map((name) => mkdir(join(dir, name))));
  await runProgram(programPath("chown"), ["postfix", join(dir, "data")]);
  await runProgram(programPath("chown"), [String(MAILBOX_UID), mail]);
  await writeFile(join(config, "main.cf"), mainCf(options, { ...files, mail, logFile }));
  await writeFile(join(config, "master.cf"), masterCf(options));
  // Debian has some kinds of tables as plugins, and this file says where. It is read from the directory of the settings.
  const plugins = "/etc/postfix/dynamicmaps.cf";
  if (await isThere(plugins)) await copyFile(plugins, join(config, "dynamicmaps.cf"));

  const postfix = (command: string) =>
    runProgram(programPath("postfix"), ["-c", config, command], { MAIL_CONFIG: config });
  const log = () => readIfThere(logFile);
  await postfix("start").catch(async (error: Error) => {
    throw new Error(`${error.message}${await log()}`, { cause: error });
  });
  return {
    log,
    sessions: async () => readSessions(await log()),
    mailbox: (user) => {
      if (!users.includes(user)) throw new Error(`no mailbox ${user}`);
      return readMaildir(join(mail, user));
    },
    // "stop" comes back when the last process has ended.
    [Symbol.asyncDispose]: async () => {
      await postfix("stop");
    },
  };
}

type Paths = { certFile: string; keyFile: string; mail: string; logFile: string };

function mainCf({ dir, hostname, domain, users }: RealServerOptions, paths: Paths): string {
  const mailboxes = users.map((user) => `{ ${user}@${domain} = ${user}/ }`).join(", ");
  return settings({
    compatibility_level: "3.6",
    queue_directory: join(dir, "queue"),
    data_directory: join(dir, "data"),
    maillog_file: paths.logFile,
    maillog_file_prefixes: dir,
    myhostname: hostname,
    mydestination: "",
    // master.cf says where it listens. Here Postfix would look for an interface that lists the address.
    inet_interfaces: "all",
    inet_protocols: "ipv4",
    mynetworks: "",
    // A client at 127.0.0.1 is a stranger here: Postfix must not complete its header.
    local_header_rewrite_clients: "",
    alias_maps: "",
    alias_database: "",
    smtpd_relay_restrictions: "reject_unauth_destination",
    // Nobody else is to be asked who the client is.
    smtpd_peername_lookup: "no",
    smtpd_tls_security_level: "may",
    smtpd_tls_cert_file: paths.certFile,
    smtpd_tls_key_file: paths.keyFile,
    smtpd_tls_loglevel: "1",
    virtual_mailbox_domains: domain,
    virtual_mailbox_base: paths.mail,
    virtual_mailbox_maps: `inline:{ ${mailboxes} }`,
    virtual_uid_maps: `static:${MAILBOX_UID}`,
    virtual_gid_maps: `static:${MAILBOX_UID}`,
  });
}

const settings = (values: Record<string, string>) =>
  Object.entries(values)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");

/** The services that receiving and putting away takes, none of them in a chroot. */
function masterCf({ address, port }: RealServerOptions): string {
  return `
${address}:${port} inet n - n - - smtpd
pickup  unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr    unix n - n 300 1 qmgr
tlsmgr  unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
bounce  unix - - n - 0 bounce
defer   unix - - n - 0 bounce
trace   unix - - n - 0 bounce
error   unix - - n - - error
retry   unix - - n - - error
virtual unix - n n - - virtual
anvil   unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;
}

/** From the summary that smtpd logs when a client has gone: `ehlo=2 starttls=1 mail=2 rcpt=1/2 … commands=9`, each taken/given. */
function readSessions(log: string): EndedSession[] {
  return [...log.matchAll(/ disconnect from \S+((?: [a-z]+=[\d/]+)+)/g)].map(([, summary = ""]) => {
    const countOf = (command: string) => {
      const [, taken = "0", given = taken] = new RegExp(` ${command}=(\\d+)(?:/(\\d+))?`).exec(summary) ?? [];
      return { taken: Number(taken), given: Number(given) };
    };
    return {
      tls: countOf("starttls").taken > 0,
      mails: countOf("mail").given,
      messages: countOf("data").taken,
    };
  });
}
