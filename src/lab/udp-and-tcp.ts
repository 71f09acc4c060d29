/**
 * One port for UDP and TCP together, as the DNS wants it. RFC 7766 section 5.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv6, type AddressInfo, type Server as TcpServer } from "node:net";

/**
 * Port 0: any port that is free for both. Whoever calls this closes both.
 *
 * TCP chooses, because a port that is free for UDP is often still held by TCP
 * connections that ended a moment ago.
 */
export async function listenOnBoth(
  host: string,
  port: number,
): Promise<{ udp: UdpSocket; tcp: TcpServer; port: number }> {
  for (let tries = port === 0 ? 10 : 1; ; tries--) {
    const tcp = createServer();
    const udp = createSocket(isIPv6(host) ? "udp6" : "udp4");
    try {
      tcp.listen(port, host);
      await once(tcp, "listening");
      const bound = (tcp.address() as AddressInfo).port;
      udp.bind(bound, host);
      await once(udp, "listening");
      return { udp, tcp, port: bound };
    } catch (error) {
      tcp.close();
      udp.close();
      if (tries <= 1) throw error;
    }
  }
}
