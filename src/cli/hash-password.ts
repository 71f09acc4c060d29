/** `sts-relay hash-password`: makes the hash that `submission.users` wants. */
import { hashPassword } from "../submission/password-hash.ts";
import { defineCommand } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { readPassword } from "./read-password.ts";

export const hashPasswordCommand = defineCommand({
  name: "hash-password",
  summary: "turn a password into the hash for submission.users",
  details:
    "Asks for the password at the terminal, or takes the first line of standard input, and prints\n" +
    "its hash. In the configuration:\n\n" +
    "  submission:\n" +
    "    users:\n" +
    "    - name: app\n" +
    '      passwordHash: "$scrypt$..."',
  options: {},
  async run() {
    const answer = await readPassword(process.stdin, process.stderr);
    if ("interrupted" in answer) return EXIT.interrupted;
    if ("wrong" in answer) {
      process.stderr.write(`sts-relay hash-password: ${answer.wrong}\n`);
      return EXIT.usage;
    }
    process.stdout.write(`${await hashPassword(answer.password)}\n`);
    return EXIT.ok;
  },
});
