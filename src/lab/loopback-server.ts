/**
 * A TCP server on an address of the lab, whose connections can be cut: the lab
 * closes at once, and a host of it can fall silent in the middle of a sentence.
 */
import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";

export type LoopbackServer = {
  address: string;
  port: number;
  /** Destroys all connections; the server goes on listening. */
  cut: () => void;
  /** Stops listening and destroys all connections. */
  close: () => Promise<void>;
};

/** @param at port 0 stands for any free port. */
export async function listenOn(server: Server, at: { host: string; port: number }): Promise<LoopbackServer> {
  const connections = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
  });
  try {
    await once(server.listen(at.port, at.host), "listening");
  } catch (error) {
    throw explained(error as NodeJS.ErrnoException, at);
  }
  const cut = () => {
    for (const socket of connections) socket.destroy();
  };
  return {
    address: at.host,
    port: (server.address() as AddressInfo).port,
    cut,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await closed;
    },
  };
}

/** The two faults that a person can mend, in words that say how. */
function explained(error: NodeJS.ErrnoException, at: { host: string; port: number }): Error {
  if (error.code === "EADDRNOTAVAIL") {
    return new Error(
      `${at.host} is not an address of this machine. Linux has all of 127.0.0.0/8; ` +
        `on macOS and BSD each one is added first: sudo ifconfig lo0 alias ${at.host} up ` +
        `(the whole lab: for i in $(seq 1 254); do sudo ifconfig lo0 alias ${at.host.replace(/\d+$/, "$i")} up; done)`,
      { cause: error },
    );
  }
  if (error.code !== "EADDRINUSE") return error;
  return new Error(`${at.host} port ${at.port} is in use: is another lab running?`, { cause: error });
}
