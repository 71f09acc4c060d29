/** A real SMTP client for the lab's hosts: nodemailer's connection, without its queue. */
import type { ConnectionOptions } from "node:tls";
import SMTPConnection from "nodemailer/lib/smtp-connection";

export type Delivery = {
  /** `undefined`: taken for at least one recipient. */
  error: string | undefined;
  /** Reply codes of refused recipients. */
  rejected: Record<string, number>;
};

export async function deliver(how: {
  host?: string;
  port: number;
  servername: string;
  ca?: string;
  tls?: ConnectionOptions;
  requireTLS?: boolean;
  to?: string[];
  data?: string;
  /** Messages over one session; default 1. */
  times?: number;
  greetingTimeout?: number;
}): Promise<Delivery> {
  const connection = new SMTPConnection({
    host: how.host ?? "127.0.0.1",
    port: how.port,
    requireTLS: how.requireTLS ?? false,
    greetingTimeout: how.greetingTimeout ?? 5000,
    tls: { servername: how.servername, ...(how.ca === undefined ? {} : { ca: how.ca }), ...how.tls },
  });
  const failed = new Promise<never>((_, reject) => connection.once("error", reject));
  const rejected: Record<string, number> = {};
  try {
    await Promise.race([new Promise<void>((resolve) => connection.connect(() => resolve())), failed]);
    for (let left = how.times ?? 1; left > 0; left -= 1) {
      const envelope = { from: "sender@lab.test", to: how.to ?? ["user@lab.test"] };
      const sent = new Promise<void>((resolve, reject) => {
        connection.send(envelope, Buffer.from(how.data ?? "Subject: t\r\n\r\nhello\r\n"), (error, info) => {
          for (const refusal of info?.rejectedErrors ?? [])
            rejected[refusal.recipient ?? ""] = refusal.responseCode ?? 0;
          if (error) reject(error);
          else resolve();
        });
      });
      await Promise.race([sent, failed]);
    }
    return { error: undefined, rejected };
  } catch (error) {
    return { error: (error as Error).message, rejected };
  } finally {
    connection.close();
  }
}
