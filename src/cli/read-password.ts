/**
 * A password from a terminal, where it is not shown, or from standard input.
 */
import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** Longer input is a file given by mistake. */
const LONGEST = 1024;

export type PasswordInput = { password: string } | { wrong: string } | { interrupted: true };

/** Asked for twice at a terminal; otherwise the first line of standard input. */
export async function readPassword(input: NodeJS.ReadStream, prompts: NodeJS.WritableStream): Promise<PasswordInput> {
  if (!input.isTTY) return judge(await firstLine(input));
  const [first, again] = await ask(input, prompts, ["Password: ", "Again: "]);
  if (first === undefined || again === undefined) return { interrupted: true };
  return first === again ? judge(first) : { wrong: "the two are not the same" };
}

function judge(password: string): PasswordInput {
  if (password === "") return { wrong: "the password is empty" };
  return Buffer.byteLength(password) > LONGEST
    ? { wrong: `the password is longer than ${LONGEST} bytes` }
    : { password };
}

async function firstLine(input: NodeJS.ReadStream): Promise<string> {
  let text = "";
  input.setEncoding("utf8");
  for await (const chunk of input) {
    text += chunk as string;
    if (text.includes("\n") || text.length > LONGEST) break;
  }
  return text.split(/\r?\n/, 1)[0] ?? "";
}

/** Fewer answers than questions: Ctrl-C, or the end of input. */
async function ask(input: NodeJS.ReadStream, prompts: NodeJS.WritableStream, questions: string[]): Promise<string[]> {
  // readline echoes what is typed to its output: it gets one that shows nothing.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: silent, terminal: true, historySize: 0 });
  const typed = lines[Symbol.asyncIterator]();
  const answers: string[] = [];
  for (const question of questions) {
    prompts.write(question);
    const answer = await typed.next();
    prompts.write("\n");
    if (answer.done === true) break;
    answers.push(answer.value);
  }
  lines.close();
  return answers;
}
