import assert from "node:assert/strict";
import { test } from "node:test";
import { type BrowserFacts, strangeness } from "../../src/admin/same-origin.ts";

const NAMES = ["relay-admin.example"];

const PLAIN: BrowserFacts = {
  method: "GET",
  host: "127.0.0.1:9465",
  fetchSite: undefined,
  fetchMode: undefined,
  origin: undefined,
};

const CASES: [string, Partial<BrowserFacts>, "taken" | "refused"][] = [
  ["a program", {}, "taken"],
  ["a program that changes something", { method: "POST" }, "taken"],
  ["the page itself", { method: "POST", fetchSite: "same-origin", origin: "http://127.0.0.1:9465" }, "taken"],
  ["an address typed by hand", { fetchSite: "none", fetchMode: "navigate" }, "taken"],
  ["a link on another site", { fetchSite: "cross-site", fetchMode: "navigate" }, "taken"],
  ["a script of another site", { fetchSite: "cross-site", fetchMode: "no-cors" }, "refused"],
  ["a script of a neighbour", { fetchSite: "same-site", fetchMode: "cors" }, "refused"],
  ["a form of another site", { method: "POST", fetchSite: "cross-site", fetchMode: "navigate" }, "refused"],
  ["an old browser on another site", { method: "POST", origin: "https://evil.example" }, "refused"],
  ["an old browser in a sandbox", { method: "DELETE", origin: "null" }, "refused"],
  ["another port of this machine", { method: "POST", origin: "http://127.0.0.1:8080" }, "refused"],
  ["localhost", { host: "localhost:9465" }, "taken"],
  ["localhost in capitals", { host: "LOCALHOST" }, "taken"],
  ["IPv6", { host: "[::1]:9465" }, "taken"],
  ["a configured name", { host: "relay-admin.example" }, "taken"],
  ["a name that somebody has pointed here", { host: "evil.example:9465" }, "refused"],
  ["a name that only looks like an address", { host: "127.0.0.1.evil.example" }, "refused"],
  ["no name at all", { host: undefined }, "refused"],
  ["rubbish for a name", { host: "a@127.0.0.1" }, "refused"],
];

test("a request that a page of somebody else has made is refused, and so is a name that was pointed here", () => {
  for (const [what, facts, expected] of CASES) {
    const reason = strangeness({ ...PLAIN, ...facts }, NAMES);
    assert.equal(reason === undefined ? "taken" : "refused", expected, what);
  }
});
