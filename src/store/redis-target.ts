/** Where Redis is: from the words of the configuration to the options of the client. */
import { isIP } from "node:net";
import type { RedisOptions } from "ioredis";

/** Replies keep the shapes of RESP2, for which the types of this folder are written. */
export type ClientOptions = Omit<RedisOptions, "replyMapping">;

export type RedisTarget =
  /** `redis://` or, with TLS, `rediss://`, then `[user:password@]host[:port][/database]`. */
  | {
      url: string;
      /** The certificates in PEM that the server's must chain to, in the place of the usual roots. Only with `rediss://`. */
      caPem?: string;
    }
  /** A unix socket, like that of the embedded server. */
  | { socketPath: string };

/** Throws an `Error` that says what is wrong with the URL; the password is not repeated in it. */
export function redisAddress(target: RedisTarget): ClientOptions {
  if ("socketPath" in target) return { path: target.socketPath };
  const url = parseUrl(target.url);
  return {
    host: hostOf(url),
    port: url.port === "" ? 6379 : Number(url.port),
    db: databaseOf(url),
    ...credentialsOf(url),
    ...(url.protocol === "rediss:" ? { tls: tlsOf(hostOf(url), target.caPem) } : {}),
  };
}

/** For the log: where, without the credentials. */
export function describeTarget(target: RedisTarget): string {
  if ("socketPath" in target) return target.socketPath;
  const url = parseUrl(target.url);
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw new Error("the Redis URL cannot be read: it should be like redis://host:6379/0");
  const url = new URL(text);
  if (url.protocol !== "redis:" && url.protocol !== "rediss:") {
    throw new Error(`the Redis URL begins with ${url.protocol} and should begin with redis: or rediss:`);
  }
  if (url.hostname === "") throw new Error("the Redis URL names no host");
  // Options in the query would be dropped without a word.
  if (url.search !== "" || url.hash !== "") throw new Error("the Redis URL may not have a ? or # part");
  return url;
}

/** A URL keeps an IPv6 address in brackets; a socket wants it without. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function databaseOf(url: URL): number {
  const path = url.pathname.replace(/^\//, "");
  if (!/^\d{0,4}$/.test(path)) throw new Error("the path of the Redis URL should be a database number, like /0");
  return Number(path);
}

function credentialsOf(url: URL): ClientOptions {
  if (url.password === "" && url.username === "") return {};
  if (url.password === "") throw new Error("the Redis URL has a user but no password");
  const password = decode(url.password);
  return url.username === "" ? { password } : { username: decode(url.username), password };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error("user or password in the Redis URL: a % must be written %25");
  }
}

function tlsOf(host: string, caPem: string | undefined): NonNullable<ClientOptions["tls"]> {
  return {
    minVersion: "TLSv1.2",
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(caPem === undefined ? {} : { ca: caPem }),
  };
}
