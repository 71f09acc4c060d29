/** One TLS handshake against a server that shows the given certificate. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import type { Issued } from "../../../src/lab/authority.ts";

/** `error` is the code a verifying client ends with; `undefined` when it is content. */
export async function connectTls(
  issued: Issued,
  client: { ca: string; servername: string },
): Promise<{ error: string | undefined }> {
  const server = tls.createServer({ cert: issued.certPem, key: issued.keyPem }, (socket) => socket.end());
  server.on("tlsClientError", () => {});
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const socket = tls.connect({ host: "127.0.0.1", port, ...client });
  try {
    await once(socket, "secureConnect");
    return { error: undefined };
  } catch (error) {
    return { error: (error as NodeJS.ErrnoException).code };
  } finally {
    socket.destroy();
    server.close();
    await once(server, "close");
  }
}
