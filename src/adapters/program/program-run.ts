/** What CGI and FastCGI have in common for one request: input, output and an end. */

import type { Readable } from "node:stream";

/** One request as a program handles it. */
export interface ProgramRun {
  /** What the program writes. It has a listener for `error`, so destroying it with an error ends nothing else. */
  readonly output: Readable;
  /** Resolves when the program is done with the request, so that another may run. Never rejects. */
  readonly over: Promise<unknown>;
  /** Sends the request body, until the program takes no more of it. Rejects if the body fails. */
  feed(input: AsyncIterable<Uint8Array>): Promise<void>;
  /** Ends the program's work on the request. Never throws; further calls do nothing. */
  stop(): void;
  /** How the program failed, once its output has ended; undefined if it did not fail. */
  failure(): Promise<string | undefined> | string | undefined;
}
