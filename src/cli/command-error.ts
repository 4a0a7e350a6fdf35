/** What ends the command: one line for the person, an exit code for the shell. */

export class CommandError extends Error {
  readonly exitCode: number;

  /** Exit code 2, the default, is a mistake in the call or in the module; 1 is the machine's fault. */
  constructor(message: string, exitCode = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}
