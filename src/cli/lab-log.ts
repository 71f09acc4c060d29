/**
 * The log of the lab's relay: always to a file, and to the terminal as well
 * once the table of the tour is printed.
 */
import { createWriteStream } from "node:fs";
import { Writable } from "node:stream";
import { createLog, prettyStream } from "../observe/log.ts";

export function createLabLog(file: string, level: string) {
  const kept = createWriteStream(file, { flags: "a", mode: 0o600 });
  let shown: ReturnType<typeof prettyStream> | undefined;
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      shown?.write(chunk.toString());
      // A terminal is worth more here than a full disk's complaint.
      kept.write(chunk, () => done());
    },
  });
  kept.on("error", (error) => process.stderr.write(`${file}: ${error.message}\n`));
  return {
    log: createLog({ level, format: "json", destination }),
    show: () => {
      shown = prettyStream(process.stdout);
    },
  };
}
