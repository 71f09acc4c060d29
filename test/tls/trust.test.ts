import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import tls from "node:tls";
import { createAuthority } from "../../src/lab/authority.ts";
import { createTrust, type Trust } from "../../src/tls/trust.ts";

const authority = await createAuthority();
const { certPem: cert, keyPem: key } = await authority.issue({ names: ["mx.lab.test"] });

/** A handshake that never ends by the certificate: its version and the error of the chain, or the error. */
async function handshake(secureContext: tls.SecureContext, server: tls.TlsOptions): Promise<string> {
  const listener = tls.createServer({ cert, key, ciphers: "DEFAULT:@SECLEVEL=0", ...server }, (socket) => socket.end());
  listener.on("tlsClientError", () => undefined);
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const { port } = listener.address() as AddressInfo;
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    servername: "mx.lab.test",
    secureContext,
    rejectUnauthorized: false,
  });
  try {
    await once(socket, "secureConnect");
    return `${socket.getProtocol()} ${socket.authorized ? "trusted" : String(socket.authorizationError)}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "";
  } finally {
    socket.destroy();
    listener.close();
    await once(listener, "close");
  }
}

const OLD = { minVersion: "TLSv1", maxVersion: "TLSv1.1" } as const;

test("an authority of one's own is added to the roots, in both contexts", async () => {
  const { strict, lenient } = createTrust(authority.caPem);
  assert.equal(await handshake(strict, {}), "TLSv1.3 trusted");
  assert.equal(await handshake(lenient, {}), "TLSv1.3 trusted");
  assert.match(await handshake(createTrust().strict, {}), /^TLSv1\.3 UNABLE_TO/);
});

test("what must be verified is at least TLS 1.2; what is not may be older (STS-VAL-2, RFC 8996, RFC 7435)", async () => {
  const trust: Trust = createTrust(authority.caPem);
  assert.match(await handshake(trust.strict, OLD), /PROTOCOL|VERSION/);
  assert.equal(await handshake(trust.lenient, OLD), "TLSv1.1 trusted");
});
