import type { Readable } from "node:stream";

/** One run of a program. */
export interface ProgramRun {
  /** What it writes. */
  readonly output: Readable;
  /** Settles when it holds no place any more. */
  readonly over: Promise<unknown>;
  /** Hands it the request body, as far as it takes that. */
  feed(input: AsyncIterable<Uint8Array>): Promise<void>;
  /** Ends it: nobody waits for it any more. */
  stop(): void;
  /** How it failed, once its output has ended. */
  failure(): Promise<string | undefined> | string | undefined;
}
