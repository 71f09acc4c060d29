/**
 * Pictures of the admin page, for people who want to see it before they run it:
 * a relay in the lab, mail to every domain of it, and a real browser.
 *
 * Writes to docs/screenshots/. Needs Chromium (Debian's package `chromium`).
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startLab } from "../src/lab/lab.ts";
import { openBrowser } from "../test/support/browser.ts";
import { startTestRelay } from "../test/support/relay.ts";

const PICTURES = [
  { name: "overview", path: "/" },
  { name: "overview-dark", path: "/", dark: true },
  { name: "overview-phone", path: "/", phone: true },
  { name: "domains", path: "/domains?sort=verdict&order=desc" },
  { name: "domains-dark", path: "/domains?sort=verdict&order=desc", dark: true },
  { name: "domains-phone", path: "/domains?trouble=true", phone: true },
  { name: "domain", path: "/domains/expired.test" },
  { name: "domain-check", path: "/domains/expired.test", check: true },
  { name: "domain-dark", path: "/domains/testing-expired.test", dark: true },
  { name: "message", path: "message:expired.test" },
  { name: "message-phone", path: "message:expired.test", phone: true, dark: true },
  { name: "messages", path: "/messages" },
  { name: "queue", path: "/queue" },
  { name: "queue-phone", path: "/queue", phone: true },
  { name: "incidents", path: "/incidents" },
  { name: "exceptions", path: "/exceptions" },
  { name: "raw-jobs", path: "/queues" },
];

const directory = process.argv[2] ?? join(import.meta.dirname, "../docs/screenshots");
await mkdir(directory, { recursive: true });
await using lab = await startLab({});
await using relay = await startTestRelay(lab, {
  admin: { enabled: true, port: 0 },
  retry: { schedule: ["2m", "5m"] },
  mtaSts: { fetchTimeout: "2s" },
});
const base = `http://127.0.0.1:${relay.relay.admin?.port}`;
const sent = await sendToAll();
await fetch(`${base}/api/rules/other-ca.test`, {
  method: "PUT",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    mtaSts: "disable",
    until: new Date(Date.now() + 2 * 86_400_000).toISOString(),
    reason: "their authority changed; ticket 4711",
  }),
});
await relay.logged("rule-set");

await using browser = await openBrowser();
for (const { name, path, dark = false, phone = false, check = false } of PICTURES) {
  const size = phone ? { width: 390, height: 844 } : { width: 1280, height: 860 };
  const page = await browser.newPage({
    viewport: size,
    colorScheme: dark ? "dark" : "light",
    deviceScaleFactor: phone ? 2 : 1,
  });
  const [, domain] = path.split("message:");
  await page.goto(base + (domain === undefined ? path : `/messages/${sent.get(domain)}`));
  await page.waitForSelector(path === "/queues" ? "#root *" : "[data-ready=true]");
  if (check) {
    await page.getByRole("button", { name: "Check now" }).click();
    await page.waitForSelector("#check-result");
  }
  await page.waitForLoadState("networkidle");
  await page.screenshot({ path: join(directory, `${name}.png`) });
  await page.close();
  process.stdout.write(`${name}.png\n`);
}

/** The ids, by domain. */
async function sendToAll(): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const { name } of lab.domains) {
    for (let count = 0; count < 2; count += 1) ids.set(name, await relay.submit(`user@${name}`));
  }
  await Promise.all([...ids].map(([domain, id]) => relay.settled(id, domain).catch(() => undefined)));
  return ids;
}
