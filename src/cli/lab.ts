/** `sts-relay lab`: a small internet on loopback, and a relay in it. */
import { defineCommand, type Values } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

const options = {
  dir: { type: "string", value: "DIR", says: "where to keep its files (default: data/lab)" },
  relay: { type: "boolean", says: "run a relay in it too, and send a message to every domain" },
  port: { type: "string", value: "PORT", says: "where that relay takes mail (default: 2525)" },
  ports: { type: "string", value: "DNS,HTTPS,SMTP", says: "where its servers listen (default: 10053,10443,10025)" },
  "authority-only": { type: "boolean", says: "make the lab's certificate authority, DIR/ca.pem, and end" },
  exit: { type: "boolean", says: "with --relay: end after the messages, with 1 if one fared wrongly" },
} as const;

const DEFAULT_DIR = "data/lab";
const DEFAULT_PORT = "2525";

export const labCommand = defineCommand({
  name: "lab",
  summary: "try the relay on a small internet of its own",
  details:
    "Starts a DNS server, policy hosts and mail hosts on loopback addresses. Each of their domains\n" +
    "shows one thing that happens to mail: a good policy, a wrong certificate, a man in the middle.\n" +
    "DIR/relay.yaml configures a relay for it. Needs no root. Ends on Ctrl-C.",
  options,
  async run(values) {
    const wrong = problemWith(values);
    if (wrong !== undefined) {
      process.stderr.write(`sts-relay lab: ${wrong}\n`);
      return EXIT.usage;
    }
    const { dir = DEFAULT_DIR, port = DEFAULT_PORT, relay = false, exit = false, ports } = values;
    const { makeAuthority, runLab } = await import("./run-lab.ts");
    if (values["authority-only"] === true) return makeAuthority(dir);
    return runLab({
      dir,
      port: Number(port),
      relay,
      exit,
      ...(ports === undefined ? {} : { ports: readPorts(ports) }),
    });
  },
});

function problemWith({ port = DEFAULT_PORT, relay, exit, ports }: Values<typeof options>): string | undefined {
  if (!isPort(port)) return `--port ${port} is not a port from 0 to 65535`;
  if (ports !== undefined && (ports.split(",").length !== 3 || !ports.split(",").every(isPort))) {
    return `--ports ${ports} is not three ports, like 10053,10443,10025`;
  }
  return exit && !relay ? "--exit goes with --relay" : undefined;
}

const isPort = (text: string) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535;

function readPorts(ports: string): { dns: number; https: number; smtp: number } {
  const [dns = 0, https = 0, smtp = 0] = ports.split(",").map(Number);
  return { dns, https, smtp };
}
