/** The admin page in a real browser: each page opened and used, with a relay in the lab behind it. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import { type Lab, startLab } from "../../src/lab/lab.ts";
import { type AdminRelay, startAdminRelay } from "../support/admin.ts";
import { openBrowser, type TestBrowser } from "../support/browser.ts";
import { missingPrograms, skipWithout } from "../support/real-programs.ts";

const GOOD = "good-enforce.test";
const BROKEN = "expired.test";

type Opened = { page: Page; problems: string[] };

/** A page that notes what must not happen: errors, and requests to anywhere else. */
async function openPage(
  browser: TestBrowser,
  url: string,
  path: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const page = await browser.newPage(options);
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning")
      problems.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`thrown: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) problems.push(`asked ${request.url()}`);
  });
  page.setDefaultTimeout(30_000);
  await page.goto(url + path);
  if (!path.startsWith("/queues")) await page.waitForSelector("[data-ready=true]");
  return { page, problems };
}

type Stage = AsyncDisposable & {
  lab: Lab;
  relay: AdminRelay;
  browser: TestBrowser;
  ids: { good: string; broken: string };
};

async function openStage(t: TestContext): Promise<Stage | undefined> {
  if (skipWithout(t, missingPrograms(["chromium"]))) return undefined;
  await using opened = new AsyncDisposableStack();
  const lab = opened.use(await startLab({ only: [GOOD, BROKEN] }));
  const relay = opened.use(await startAdminRelay(lab, { retry: { schedule: ["10m"] } }));
  const browser = opened.use(await openBrowser());
  const ids = { good: await relay.submit(`user@${GOOD}`), broken: await relay.submit(`user@${BROKEN}`) };
  await relay.settled(ids.good, GOOD);
  await relay.settled(ids.broken, BROKEN);
  const stack = opened.move();
  return { lab, relay, browser, ids, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const PAGES: [string, RegExp][] = [
  ["/", /Flow of mail/],
  ["/domains", /2 domains: 2 enforce/],
  [`/domains/${BROKEN}`, /What protected its mail/],
  ["/messages", /2 messages/],
  ["/queue", /1 delivery/],
  [`/queue?to=${BROKEN}`, /1 delivery/],
  ["/incidents", /Open/],
  ["/exceptions", /every domain goes by the configuration/],
  ["/queues", /maintenance/],
  ["/queues/queue/delivery?status=delayed", /delivery/],
];

test("each page opens in light, dark and at phone width, without an error or a request to a foreign host, and nothing sticks out", async (t) => {
  await using stage = await openStage(t);
  if (stage === undefined) return;
  const { relay, browser, ids } = stage;
  const looks: BrowserContextOptions[] = [
    { colorScheme: "light", viewport: { width: 1280, height: 800 } },
    { colorScheme: "dark", viewport: { width: 390, height: 844 } },
  ];
  for (const look of looks) {
    const { page, problems } = await openPage(browser, relay.url, "/", look);
    const { width = 0 } = look.viewport ?? {};
    for (const [path, shows] of [...PAGES, [`/messages/${ids.broken}`, /its certificate expired on/] as const]) {
      await page.goto(relay.url + path);
      await page.getByText(shows).first().waitFor();
      assert.deepEqual(problems, [], path);
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      if (!path.startsWith("/queues")) assert.ok(Number(wide) <= width, `${path} is ${String(wide)} wide at ${width}`);
    }
  }
});

test("an operator finds out why a message waits, checks the domain, and sets an exception: the message leaves", async (t) => {
  await using stage = await openStage(t);
  if (stage === undefined) return;
  const { relay, browser, ids } = stage;
  const { page, problems } = await openPage(browser, relay.url, "/");
  await page.getByRole("link", { name: "Messages" }).click();
  await page.getByLabel("State").selectOption("deferred");
  await page.getByRole("link", { name: ids.broken }).click();
  await page.getByText(/Nothing of the message was sent to it/).waitFor();
  await page.getByRole("link", { name: BROKEN }).first().click();

  await page.getByRole("button", { name: "Check now" }).click();
  await page.locator("#check-result").getByText("Renew the certificate").waitFor();

  await page.getByRole("button", { name: "Set an exception" }).click();
  await page.getByLabel("Reason").fill("their certificate ran out");
  await page.getByRole("button", { name: "Set it" }).click();
  await page.getByText(`The exception for ${BROKEN} is in force.`).waitFor();
  await relay.logged("delivered", { message: ids.broken });
  assert.match(String((await relay.logged("rule-set"))["reason"]), /ran out/);

  await page.getByRole("button", { name: "End it now" }).click();
  await page.getByText("The configured rule holds again.").waitFor();
  await relay.logged("rule-removed", { domain: BROKEN });
  assert.deepEqual(problems, []);
});

test("the queue is changed from the page; what cannot be undone is asked twice, and can be left with Escape", async (t) => {
  await using stage = await openStage(t);
  if (stage === undefined) return;
  const { relay, browser, ids } = stage;
  const { page, problems } = await openPage(browser, relay.url, "/queue");
  await page.getByRole("button", { name: "Hold" }).click();
  await page.getByLabel("Reason").fill("asking them first");
  await page.getByRole("dialog").getByRole("button", { name: "Hold" }).click();
  await page.getByText("1 held").first().waitFor();

  await page.getByRole("button", { name: "Drop" }).click();
  await page.getByRole("dialog").getByText("This cannot be undone").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });

  await page.getByRole("button", { name: "Drop" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Drop" }).click();
  await page.getByText("The queue is empty").waitFor();
  const { body } = await relay.ask(`/api/messages/${ids.broken}`);
  assert.match(JSON.stringify(body), /asking them first.*took it out of the queue/);
  assert.deepEqual(problems, []);
});

test("the table of domains is sorted and searched, also with the keyboard alone", async (t) => {
  await using stage = await openStage(t);
  if (stage === undefined) return;
  const { page, problems } = await openPage(stage.browser, stage.relay.url, "/domains");
  const first = () => page.locator("tbody th").first().textContent();
  assert.equal(await first(), BROKEN);
  await page.getByRole("button", { name: "Domain" }).press("Enter");
  await page.waitForFunction(`document.querySelector("tbody th").textContent === ${JSON.stringify(GOOD)}`);
  assert.equal(await page.locator("th[aria-sort]").getAttribute("aria-sort"), "descending");
  assert.match(page.url(), /order=desc/);

  await page.locator("body").press("/");
  await page.keyboard.type("expi");
  await page.getByText("1 of 2 domains").waitFor();
  await page.getByRole("link", { name: BROKEN }).press("Enter");
  await page.getByRole("heading", { level: 1, name: BROKEN }).waitFor();
  await page.goBack();
  await page.getByText("1 of 2 domains").waitFor();
  assert.deepEqual(problems, []);
});

test("what a stranger wrote is shown as text, whatever it is", async (t) => {
  await using stage = await openStage(t);
  if (stage === undefined) return;
  const { relay, browser } = stage;
  const text = "Message-ID: <<img src=x onerror=alert(1)>@sender.test>\r\nSubject: x\r\n\r\nx\r\n";
  const id = await relay.submit(`user@${GOOD}`, text);
  await relay.settled(id, GOOD);
  const { page, problems } = await openPage(browser, relay.url, `/messages/${id}`);
  await page.getByText("<img src=x onerror=alert(1)>").first().waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  assert.deepEqual(problems, []);
});
