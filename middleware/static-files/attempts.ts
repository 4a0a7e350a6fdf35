/** Answers with files that are written to at the same time: a few attempts, and a response for the errors that remain. */

import type { AppResponse, Environ } from "../../src/gateway.ts";
import type { Answer, Answers } from "./answers.ts";
import { isChanged } from "./open-file.ts";
import { refusalFor } from "./refusal.ts";

/** How often a file is looked up that is written to at the same time. */
const ATTEMPTS = 3;

/** The response to a request; undefined where nothing is found. Errors of the file system are responses, too. */
export async function settledAnswer(
  answers: Answers,
  environ: Environ,
  first: Answer,
): Promise<AppResponse | undefined> {
  let pending = first;
  for (let attempt = 1; ; attempt++) {
    try {
      return await pending;
    } catch (error) {
      if (!isChanged(error) || attempt === ATTEMPTS) return refusalFor(error, environ);
      pending = answers.find(environ);
    }
  }
}
