/** `sts-relay dkim`: keys to sign mail with. RFC 6376. */
import { defineCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

const keygenCommand = defineCommand({
  name: "dkim keygen",
  summary: "make a key for a domain, and print its DNS record",
  details:
    "Writes the private key to DOMAIN.SELECTOR.pem, readable by its owner only, and prints the TXT\n" +
    "record to set, as a line of a zone file, and the lines for the configuration. An existing file is\n" +
    "never overwritten. With --type both there are two keys, the second for receivers that know\n" +
    "Ed25519 (RFC 8463); its selector ends in -ed25519.",
  options: {
    selector: { type: "string", value: "NAME", says: "the key's name (default: relay and the year and month)" },
    type: { type: "string", value: "TYPE", says: "rsa, ed25519 or both (default: rsa)" },
    dir: { type: "string", value: "DIR", says: "where to write the key (default: the working directory)" },
    "tls-reports": {
      type: "boolean",
      says: "name TLS reports in the record, as RFC 8460 section 3 wants for their key",
    },
  },
  operands: { name: "DOMAIN" },
  async run({ selector, type = "rsa", dir = ".", "tls-reports": forReports = false }, [domain = ""]) {
    const { makeKeys } = await import("./make-dkim-keys.ts");
    return makeKeys({ domain, selector, type, dir, forReports });
  },
});

export const dkimCommand = defineCommand({
  name: "dkim",
  summary: "make keys to sign mail with",
  details: "Which mail is signed is said by the setting `dkim`: mail from each domain that has a key there.",
  options: {},
  subcommands: [keygenCommand],
  async run() {
    process.stderr.write("sts-relay dkim: which? `keygen`\n`sts-relay dkim --help` shows more.\n");
    return EXIT.usage;
  },
});
