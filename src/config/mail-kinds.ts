/** The kinds of value that settings about mail addresses and signatures hold. */
import { toDomain } from "../dns/name.ts";
import { isSelector } from "../dkim/key.ts";
import { show } from "./kinds.ts";
import { kind } from "./setting.ts";

const LOCAL_PART = /^[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;

/** An address in ASCII, its domain as A-labels. */
export const mailAddress = () =>
  kind("a mail address like tls-reports@example.com", (input) => {
    const [, local = "", domain = ""] = typeof input === "string" ? (/^(.+)@(.+)$/.exec(input) ?? []) : [];
    const name = toDomain(domain);
    return LOCAL_PART.test(local) && name?.includes(".")
      ? { value: `${local}@${name}` }
      : { wrong: `${show(input)} is not a mail address` };
  });

export const selector = () =>
  kind("labels of letters, digits and hyphens, like mail2026", (input) =>
    typeof input === "string" && isSelector(input)
      ? { value: input.toLowerCase() }
      : { wrong: `${show(input)} is not a selector` },
  );
