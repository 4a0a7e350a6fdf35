/** What breaks the contract, with the rule that it breaks. */

import { TsgiError } from "../../src/errors.ts";
import { RULES, type Rule } from "./rules.ts";

/** Whose doing it is, and where: the last part of the error's code. */
export type Side = "ENVIRON" | "INPUT" | "SERVER" | "RESPONSE" | "BODY" | "ERRORS" | "DROPPED";

export function violation(side: Side, problem: string, rule: Rule): TsgiError {
  const [number, sentence] = RULES[rule];
  return new TsgiError(`TSGI_LINT_${side}`, `${problem}, but rule ${number} of the contract says: ${sentence}`);
}

/** A layer did not close the body of a layer within. */
export function dropped(): TsgiError {
  return violation("DROPPED", "an inner body was never closed", "closeDropped");
}
