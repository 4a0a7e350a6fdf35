/** A new supervisor goes on where one is: another Node, another tsgi, another configuration. */

import type { OwnListeners } from "../supervisor/listeners.ts";
import { appointSuccessor } from "../supervisor/succession.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import { type Activated, activatedVariables } from "./systemd/activation.ts";
import type { Notifier } from "./systemd/notifier.ts";

/** What is handed over, and who is told of it. */
export interface Predecessor {
  readonly supervisor: Supervisor;
  readonly listeners: OwnListeners;
  readonly notifier: Notifier;
  print(lines: readonly string[]): void;
  printError(line: string): void;
}

/** HandOver has a new supervisor take over from this one: one at a time, and where it cannot serve, this one serves on. */
export class HandOver {
  readonly #predecessor: Predecessor;
  readonly #args: readonly string[];
  readonly #activated: Activated;
  #appointment: AbortController | undefined;

  /** `args` are the arguments of the command, `activated` the sockets that systemd has opened. */
  constructor(predecessor: Predecessor, args: readonly string[], activated: Activated) {
    this.#predecessor = predecessor;
    this.#args = args;
    this.#activated = activated;
  }

  /** Starts the new supervisor, once this one serves; resolves when this one has ended, or serves on. */
  async begin(): Promise<void> {
    const { supervisor, listeners, notifier, print, printError } = this.#predecessor;
    if (this.#appointment !== undefined) return printError("a new supervisor is starting already");
    const appointment = new AbortController();
    this.#appointment = appointment;
    const { signal } = appointment;
    if (!(await supervisor.whenStarted).ok || signal.aborted) return;
    const env = { ...process.env, ...notifier.variables, ...activatedVariables(this.#activated) };
    const program = [process.argv[1] as string, ...this.#args];
    const outcome = await appointSuccessor(supervisor, program, { env, signal, ...listeners.passedOn });
    if (!outcome.ok) {
      this.#appointment = undefined;
      if (!supervisor.isStopping) printError(`the new supervisor does not serve: ${outcome.reason}`);
      return;
    }
    const { successor } = outcome;
    print([`the supervisor ${successor.pid} goes on`]);
    supervisor.onState = () => {};
    listeners.measurements.passOn(successor.count);
    await Promise.all([listeners.close(), notifier.handOver(successor.pid)]);
    await supervisor.stop({ isReplaced: true });
    await successor.release();
  }

  /** Ends the new supervisor, as long as it does not serve. */
  abort(): void {
    this.#appointment?.abort();
  }
}
