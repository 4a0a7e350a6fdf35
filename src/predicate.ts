/** Questions about requests that a programmer answers: whether something is to be done for one. */

import { TsgiError } from "./errors.ts";
import type { Environ } from "./gateway.ts";

/** Says whether something holds for a request: `({ PATH_INFO }) => PATH_INFO === "/health"`. */
export type Predicate = (environ: Environ) => boolean | Promise<boolean>;

/** Gives the answer of a predicate of `owner`. Throws `TSGI_BAD_OPTION` for what is neither true nor false: who is let in may rest on it. */
export function checkAnswer(owner: string, answer: unknown): boolean {
  if (typeof answer === "boolean") return answer;
  throw new TsgiError("TSGI_BAD_OPTION", `the predicate of ${owner} gave ${answer === null ? "null" : typeof answer}`, {
    hint: "Return true or false, or a promise of one of them.",
  });
}

/** Throws `TSGI_BAD_OPTION` for what is not a function. */
export function checkPredicate(owner: string, predicate: unknown): void {
  if (typeof predicate === "function") return;
  throw new TsgiError("TSGI_BAD_OPTION", `the predicate of ${owner} is ${typeof predicate}`, {
    hint: 'Give a function of the environ: ({ PATH_INFO }) => PATH_INFO.startsWith("/api/").',
  });
}
