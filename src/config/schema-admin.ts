/** Settings of the admin port: health, metrics, API and page. */
import * as z from "zod";
import { flag, host, hostName, listenPort, secret, text } from "./kinds.ts";
import { optional, required, section, setting } from "./setting.ts";

const user = z.strictObject({
  name: required(text("text"), { says: "The name to log in with; it is written into the trail.", example: "anna" }),
  passwordHash: required(secret("text"), {
    says: "The output of `sts-relay hash-password`.",
    example: "$scrypt$...",
  }),
});

export const admin = section("The admin port: health, metrics, an API and a page for people, over plain HTTP.", {
  enabled: setting(flag(), { says: "Whether there is one.", default: true }),
  host: setting(host(), {
    says: "Address to listen on. Beyond loopback it needs `token` or `users`, and should have a proxy with TLS before it.",
    default: "127.0.0.1",
  }),
  port: setting(listenPort(), {
    says: "Port to listen on; 0 takes a free one. Where it is taken on loopback, the relay warns and goes on without.",
    default: 9465,
  }),
  names: setting(z.array(hostName()), {
    says: "Names by which it is reached, besides localhost and IP addresses: behind a proxy, the proxy's. Any other is refused: a stranger's page may have pointed its own name here.",
    default: [],
    example: ["relay-admin.example.com"],
  }),
  token: optional(secret("a text of 16 characters or more"), {
    says: "For programs: `Authorization: Bearer TOKEN`. A browser may log in with it as the password, under any name.",
    defaultIs: "none",
    example: "a long random text",
  }),
  users: setting(z.array(user), {
    says: "Who may log in, by name and password. With neither users nor a token, everybody on this machine may.",
    default: [],
    example: [{ name: "anna", passwordHash: "$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA" }],
  }),
});
