/** Debian's Chromium, driven by playwright. Nothing it does leaves this machine. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { programPath } from "./real-programs.ts";

export type TestBrowser = AsyncDisposable & {
  /** A page of its own: no other one's cookies, logins or settings. */
  newPage(options?: BrowserContextOptions): Promise<Page>;
};

/** As root it must do without its sandbox; the rest keeps it from calling its maker at each start. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/** Throws where there is no Chromium. */
export async function openBrowser(): Promise<TestBrowser> {
  const home = await mkdtemp(join(tmpdir(), "sts-relay-browser-"));
  const browser = await chromium.launch({
    executablePath: programPath("chromium"),
    args: FLAGS,
    env: { ...process.env, HOME: home },
  });
  return {
    async newPage(options = {}) {
      const context = await browser.newContext({ locale: "en-GB", ...options });
      const page = await context.newPage();
      // Closed with its browser, it is closed already.
      page.once("close", () => void context.close().catch(() => undefined));
      return page;
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
