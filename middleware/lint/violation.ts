/** What breaks the contract, with the rule that it breaks. */

import { TsgiError } from "../../src/errors.ts";

export function violation(code: string, problem: string, rule: string): TsgiError {
  return new TsgiError(`TSGI_LINT_${code}`, `${problem}, but the contract says: ${JSON.stringify(rule)}`);
}

/** A layer did not finish the body of a layer within. */
export function dropped(): TsgiError {
  return violation("DROPPED", "an inner body was never finished", "Whoever drops a body finishes it.");
}
