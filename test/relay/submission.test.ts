import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../store/support.ts";
import { type Client, connectAndGreet, connectClient } from "../submission/support/client.ts";
import { startTestRelay } from "../support/relay.ts";

async function refusesConnections(port: number): Promise<boolean> {
  const client = await connectClient(port).catch((error: NodeJS.ErrnoException) => {
    assert.equal(error.code, "ECONNREFUSED");
  });
  await client?.[Symbol.asyncDispose]();
  return client === undefined;
}

test("when the relay stops, all listeners close at once, each lets the message come in that is on its way (RFC 5321 section 3.8)", async () => {
  const listeners = Array.from({ length: 3 }, () => ({ host: "127.0.0.1", port: 0 }));
  await using relay = await startTestRelay(undefined, {
    submission: { listeners },
    shutdown: { grace: "30s" },
    dns: { servers: ["127.0.0.1:1"] },
  });
  const ports = relay.relay.addresses.map(({ port }) => port);
  const clients: Client[] = [];
  for (const port of ports) {
    const client = await connectAndGreet(port);
    await client.command("MAIL FROM:<app@sender.test>");
    await client.command("RCPT TO:<user@nowhere.test>");
    assert.match((await client.command("DATA")) ?? "", /^354 /);
    clients.push(client);
  }
  const stopped = relay.relay.stop();
  await Promise.all(ports.map((port) => until(() => refusesConnections(port), `${port} is closed`)));
  for (const client of clients) assert.match((await client.command("Subject: x\r\n\r\nx\r\n.")) ?? "", /^250 /);
  for (const client of clients) await client.closed;
  await stopped;
});
