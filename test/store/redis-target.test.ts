import assert from "node:assert/strict";
import { test } from "node:test";
import { describeTarget, redisAddress } from "../../src/store/redis-target.ts";

test("a Redis URL is read with host, port, database, user, password and TLS", () => {
  const cases: Record<string, object> = {
    "redis://redis.example": { host: "redis.example", port: 6379, db: 0 },
    "redis://redis.example/": { host: "redis.example", port: 6379, db: 0 },
    "redis://192.0.2.1:6380/2": { host: "192.0.2.1", port: 6380, db: 2 },
    "redis://[2001:db8::1]:6380": { host: "2001:db8::1", port: 6380, db: 0 },
    "redis://:s%40cret@redis.example": { host: "redis.example", port: 6379, db: 0, password: "s@cret" },
    "redis://relay:s3cret@redis.example": {
      host: "redis.example",
      port: 6379,
      db: 0,
      username: "relay",
      password: "s3cret",
    },
    "rediss://redis.example": {
      host: "redis.example",
      port: 6379,
      db: 0,
      tls: { minVersion: "TLSv1.2", servername: "redis.example" },
    },
    "rediss://192.0.2.1": { host: "192.0.2.1", port: 6379, db: 0, tls: { minVersion: "TLSv1.2" } },
  };
  for (const [url, expected] of Object.entries(cases)) assert.deepEqual(redisAddress({ url }), expected, url);
});

test("a URL that is no Redis URL is refused in words that do not repeat the password", () => {
  const cases: Record<string, RegExp> = {
    "": /cannot be read/,
    "redis.example:6379": /begins with redis\.example:/,
    "http://:s3cret@redis.example": /begins with http:/,
    "redis://": /names no host/,
    "redis://:s3cret@redis.example/mail": /database number/,
    "redis://:s3cret@redis.example?family=6": /may not have a \?/,
    "redis://relay@redis.example": /user but no password/,
    "redis://:s3cret%@redis.example": /must be written %25/,
    "redis://:s3cret@redis.example:99999": /cannot be read/,
  };
  for (const [url, expected] of Object.entries(cases)) {
    assert.throws(
      () => redisAddress({ url }),
      (err: Error) => expected.test(err.message) && !err.message.includes("s3cret"),
      url,
    );
  }
});

test("the certificates given replace the usual roots, and a socket needs neither host nor TLS", () => {
  assert.equal(redisAddress({ url: "rediss://redis.example", caPem: "PEM" }).tls?.ca, "PEM");
  assert.deepEqual(redisAddress({ socketPath: "/run/redis.sock" }), { path: "/run/redis.sock" });
});

test("what is logged of a target has no credentials", () => {
  assert.equal(describeTarget({ url: "rediss://relay:s3cret@redis.example:6380/1" }), "rediss://redis.example:6380/1");
  assert.equal(describeTarget({ socketPath: "/run/redis.sock" }), "/run/redis.sock");
});
