/** Answers of targets that nobody gets. */

import { closeBody } from "../../src/body/reader.ts";
import { callOut } from "../../src/promise.ts";
import type { Outcome } from "../proxy/outcome.ts";

/** Closes the body of an answer, which ends the request there. */
export function discard(outcome: Outcome): void {
  if (!outcome.isAnswer) return;
  callOut(
    () => closeBody(outcome.body),
    () => {},
  );
}
