/**
 * What the operator laid down for a recipient domain, as delivery needs it.
 */
import type { Domain } from "../dns/answer.ts";
import type { OperatorRule } from "../tls/requirement.ts";

export type DomainRule = {
  mtaSts: OperatorRule;
  /** When it cannot be found out whether there is a policy, and none is known. */
  onDiscoveryFailure: {
    action: "defer" | "proceed";
    /** How much of a message's life to wait before going on as without a policy. */
    deferForMs: number;
  };
  /** Where the domain's mail goes instead of to its MX hosts. */
  route: SmartHost | undefined;
};

export type SmartHost = {
  host: Domain;
  port: number;
  tls: "starttls" | "implicit";
  login?: { user: string; password: string };
};
