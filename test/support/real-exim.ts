/** An Exim of its own for one test: configuration, spool, log and maildirs in one directory. Its TLS is GnuTLS. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { programPath, runProgram } from "./real-programs.ts";
import {
  type EndedSession,
  readIfThere,
  readMaildir,
  type RealServer,
  type RealServerKind,
  type RealServerOptions,
  until,
  writeCertificate,
} from "./real-server.ts";

export const exim: RealServerKind = { name: "Exim", programs: ["exim4"], start: startExim };

/** The user that Debian's Exim was built for. */
const USER = "Debian-exim";

async function startExim(options: RealServerOptions): Promise<RealServer> {
  const { dir, users, address, port } = options;
  const program = programPath("exim4");
  const files = await writeCertificate(dir, options.certificate);
  const own = ["spool", "log", "mail"].map((name) => join(dir, name));
  await Promise.all(own.map((path) => mkdir(path)));
  // The key, too, is read after the change of user.
  await runProgram(programPath("chown"), [`${USER}:`, ...own, files.certFile, files.keyFile]);
  const config = join(dir, "exim.conf");
  await writeFile(config, configuration(options, { ...files, program }));

  const daemon = spawn(program, ["-C", config, "-bdf"], { stdio: ["ignore", "ignore", "pipe"] });
  let complaints = "";
  daemon.stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()));
  const log = async () => (await readIfThere(join(dir, "log", "main"))) + complaints;
  const stop = () => end(daemon);
  // The log's word is waited for: a connection made to find out would be one more session.
  const listens = async () => {
    if (daemon.exitCode !== null) throw new Error(`Exim ended: ${await log()}`);
    return (await log()).includes(`listening for SMTP on [${address}]:${port}`) || undefined;
  };
  try {
    await until("Exim listens", listens, log);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    log,
    sessions: async () => readSessions(await log()),
    mailbox: (user) => {
      if (!users.includes(user)) throw new Error(`no mailbox ${user}`);
      return readMaildir(join(dir, "mail", user));
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** The sessions are told by ACLs, since Exim logs no MAIL command by itself. */
function configuration(
  { dir, address, port, hostname, domain, users }: RealServerOptions,
  { program, certFile, keyFile }: { program: string; certFile: string; keyFile: string },
): string {
  return `
primary_hostname = ${hostname}
exim_path = ${program}
spool_directory = ${dir}/spool
log_file_path = ${dir}/log/%s
pid_file_path = ${dir}/spool/exim.pid
local_interfaces = ${address}
daemon_smtp_ports = ${port}
tls_advertise_hosts = *
tls_certificate = ${certFile}
tls_privatekey = ${keyFile}
# Nobody else is to be asked who the client is.
host_lookup =
rfc1413_query_timeout = 0s
deliver_drop_privilege = true
keep_environment =
log_selector = +pid +tls_cipher
acl_smtp_mail = note_mail
acl_smtp_rcpt = judge_recipient
acl_smtp_quit = note_end
acl_smtp_notquit = note_end

begin acl
note_mail:
  accept logwrite = session: MAIL
judge_recipient:
  accept domains = ${domain}
         local_parts = ${users.join(" : ")}
  deny   message = 5.1.1 No such user here
note_end:
  accept logwrite = session: end, cipher <$tls_in_cipher>

begin routers
mailboxes:
  driver = accept
  domains = ${domain}
  local_parts = ${users.join(" : ")}
  transport = maildirs

begin transports
maildirs:
  driver = appendfile
  directory = ${dir}/mail/$local_part_data
  maildir_format
  create_directory
  return_path_add
  user = ${USER}
`;
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exited = once(daemon, "exit");
  daemon.kill();
  await exited;
}

/** Each session is a process of its own, whose number is in its lines. */
function readSessions(log: string): EndedSession[] {
  return [...log.matchAll(/ \[(\d+)\] session: end, cipher <(.*)>/g)].map(([, pid, cipher]) => {
    const lines = log.split("\n").filter((line) => line.includes(` [${pid}] `));
    return {
      tls: cipher !== "",
      mails: lines.filter((line) => line.endsWith(" session: MAIL")).length,
      messages: lines.filter((line) => line.includes(" <= ")).length,
    };
  });
}
