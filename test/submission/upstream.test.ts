import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { SMTPServer } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";

// src/submission/connection.ts, server.ts and plain-text.ts replace these methods, or count on
// when they are called. When one of them changes upstream, this fails: read the new
// text, see whether our override still fits, then write down its digest here.
const CONNECTION = {
  init: "1265a7d7ca8f5510",
  connectionReady: "361a2b1de88fbf67",
  send: "c33568c0111a58b2",
  close: "4b80aaabd134a732",
  _onClose: "097b8d221da5c5ad",
  _onCommand: "41c8a1b7a32aa314",
  _onTimeout: "f21be62dd64b1dec",
  _isDisabled: "cc2032af5b084f2c",
  _isSupported: "dbbb9a8918cf7201",
  _getHandler: "995d6ceebdd9449a",
  upgrade: "6a3fa8a3ee413745",
  handler_AUTH: "2533179c785e8329",
  _parseAddressCommand: "9f368803e4fdff15",
  _validateMailParams: "9f599221f6688cc6",
};

const SERVER = {
  connect: "9818ea13a1c36459",
  _acceptSocket: "f4c69396f94c5c50",
  _handleProxy: "b52456c48b0458fe",
  _upgrade: "2d34eaba8e47830d",
  close: "9084d18828ade08d",
};

const STREAM = {
  _feedDataStream: "9d8b903f9a3a6354",
  _countDataBytes: "4b938ebe6c9971eb",
  _endDataMode: "7de0cf3d06716328",
  startDataMode: "d007d5db8cb9dad7",
};

function digests(prototype: object, names: string[]): Record<string, string> {
  const digest = (name: string) =>
    createHash("sha256")
      .update(String(Reflect.get(prototype, name)))
      .digest("hex")
      .slice(0, 16);
  return Object.fromEntries(names.map((name) => [name, digest(name)]));
}

test("smtp-server's methods are those our overrides were written against", () => {
  assert.deepEqual(digests(SMTPConnection.prototype, Object.keys(CONNECTION)), CONNECTION);
  assert.deepEqual(digests(SMTPServer.prototype, Object.keys(SERVER)), SERVER);
  assert.deepEqual(digests(SMTPStream.prototype, Object.keys(STREAM)), STREAM);
});
