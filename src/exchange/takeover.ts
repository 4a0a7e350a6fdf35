/** A connection that its app takes over. */

import type { HeaderList, TakeUpgrade } from "../gateway.ts";
import { callOut } from "../promise.ts";

/** Takeover gives the connection of one exchange to its app: at once, or with the 101 that the app answers (rule 18). */
export class Takeover {
  readonly #onError: (error: unknown) => void;
  #take: TakeUpgrade | undefined;
  #connection: { destroy?(): unknown } | undefined;

  /** What the app's callback throws or rejects with goes to `onError`. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Whether the app waits for the connection: a 101 gives it away. */
  get isAwaited(): boolean {
    return this.#take !== undefined;
  }

  /** Whether the connection is the app's. */
  get isDone(): boolean {
    return this.#connection !== undefined;
  }

  /** The app takes the connection once it has answered with a 101. */
  await(take: TakeUpgrade): void {
    this.#take = take;
  }

  /** The connection is the app's from now on. */
  complete(connection: object): void {
    this.#connection = connection;
  }

  /** Gives the connection to the app that has waited for it, which sends the 101 with these headers. */
  handOver(connection: object, headers: HeaderList): void {
    this.#connection = connection;
    callOut(
      () => this.#take?.(connection, headers),
      (error) => {
        this.#onError(error);
        this.cut();
      },
    );
  }

  /** Ends the connection of an app that has failed: nobody would answer on it. */
  cut(): void {
    const connection = this.#connection;
    if (connection !== undefined) callOut(() => connection.destroy?.(), this.#onError);
  }
}
