/**
 * One question to the end: from server to server until one knows, and along
 * CNAMEs that lead from reply to reply. RFC 1034 section 5.3.3.
 */
import { randomInt } from "node:crypto";
import type { Answer } from "dns-packet";
import type { DnsAnswer, DnsFailure } from "./answer.ts";
import { exchange, type Settled } from "./exchange.ts";
import { MOST_LINKS, type Question } from "./message.ts";
import { formatServer, type ServerAddress } from "./server-address.ts";

export type AskSettings = {
  serversFor: (name: string) => ServerAddress[];
  /** For one question to one server. */
  timeoutMs: number;
  /** Rounds over the servers. */
  tries: number;
};

export async function ask(question: Question, settings: AskSettings, signal: AbortSignal): Promise<DnsAnswer<Answer>> {
  let name = question.name;
  let links = 0;
  let ttlSeconds = Infinity;
  let authentic = true;
  while (links <= MOST_LINKS) {
    const said = await askServers({ ...question, name }, settings, signal);
    if (said.kind === "answer") return throughChain(said.answer, ttlSeconds, authentic);
    name = said.name;
    links += said.links;
    ttlSeconds = Math.min(ttlSeconds, said.ttlSeconds);
    authentic &&= said.authentic;
  }
  return { kind: "unknown", why: "cname-loop", detail: "the CNAME chain has a loop or too many links" };
}

/** An answer is as durable and as authentic as the weakest link of the chain that led to it. */
function throughChain(answer: DnsAnswer<Answer>, ttlSeconds: number, authentic: boolean): DnsAnswer<Answer> {
  if (answer.kind === "unknown") return answer;
  return {
    ...answer,
    ttlSeconds: Math.min(answer.ttlSeconds, ttlSeconds),
    authentic: answer.authentic && authentic,
  };
}

/**
 * The first server that knows ends the walk. A server that fails says nothing
 * about the name, so the next one is asked; when all have failed, the answer
 * names each with its latest failure.
 */
async function askServers(question: Question, settings: AskSettings, signal: AbortSignal): Promise<Settled> {
  const failures = new Map<string, string>();
  let why: DnsFailure = "unreachable";
  for (let round = 0; round < settings.tries; round++) {
    for (const server of settings.serversFor(question.name)) {
      const said = await exchange(server, question, { id: randomInt(65_536), timeoutMs: settings.timeoutMs, signal });
      if (said.kind === "follow" || said.answer.kind !== "unknown") return said;
      why = said.answer.why;
      // These are about the caller or the name, not the server.
      if (why === "aborted" || why === "cname-loop" || why === "bad-name") return said;
      failures.set(formatServer(server), said.answer.detail);
    }
  }
  const detail = [...failures].map(([server, what]) => `${server}: ${what}`).join("; ");
  return { kind: "answer", answer: { kind: "unknown", why, detail: `${question.type} ${question.name}: ${detail}` } };
}
