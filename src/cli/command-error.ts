/** What ends the command: one line for the person, an exit code for the shell. */

import type { Place } from "../server/error-page/stack.ts";

/** What a page tells of an error beyond the line of the command. */
export interface CommandErrorDetails {
  /** The error behind it. */
  readonly cause?: unknown;
  /** Where that one is, if its stack does not say. */
  readonly place?: Place | undefined;
  /** What it says, if its message is not for people. */
  readonly reason?: string;
}

export class CommandError extends Error {
  readonly exitCode: number;
  readonly details: CommandErrorDetails;

  /** Exit code 2, the default, is a mistake in the call or in the module; 1 is the machine's fault. */
  constructor(message: string, exitCode = 2, details: CommandErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.exitCode = exitCode;
    this.details = details;
  }
}
