/** A request that is sent to a second target where the first one takes long: whichever answers first wins. */

import type { AttemptListener, Ending, Outcome } from "../proxy/outcome.ts";
import type { Started } from "../proxy/run.ts";
import type { Target } from "../proxy/target.ts";
import type { Attempt } from "../proxy/upstream-request.ts";
import type { Assignment } from "./assignment.ts";
import { discard } from "./discard.ts";
import type { Peer } from "./peer.ts";

/** How a contest makes its attempts. */
export interface Contestants {
  first(listener: AttemptListener): Assignment;
  /** Undefined where there is no other target, or no more may be sent again. */
  second(listener: AttemptListener): Assignment | undefined;
  /** Whether an answer is as good as a failure. */
  isRefusal(outcome: Outcome): boolean;
}

const LOST = new Error("another target was faster");

/** Contest stands for both attempts: there is one outcome, of the one that has won, or failed last. */
export class Contest implements Started, Attempt {
  readonly #makers: Contestants;
  readonly #listener: AttemptListener;
  readonly #timer: NodeJS.Timeout;
  readonly #first: Assignment;
  #second: Assignment | undefined;
  /** Whose outcome was told. */
  #winner: Assignment | undefined;
  /** What has failed or refused, while the other one is still under way. */
  #held: { readonly outcome: Outcome; readonly of: Assignment } | undefined;
  #isAborted = false;

  /** `delay`: after how long the second one begins, in milliseconds. */
  constructor(makers: Contestants, listener: AttemptListener, delay: number) {
    this.#makers = makers;
    this.#listener = listener;
    this.#first = makers.first(this.#listenerTo(() => this.#first));
    this.#timer = setTimeout(() => this.#hedge(), delay);
  }

  get attempt(): Attempt {
    return this;
  }

  get target(): Target | undefined {
    return (this.#winner ?? this.#first).target;
  }

  get peer(): Peer | undefined {
    return (this.#winner ?? this.#first).peer;
  }

  get isAborted(): boolean {
    return this.#isAborted;
  }

  get answeredBy(): Peer | undefined {
    return this.#winner?.answeredBy;
  }

  /** Where it was sent to. */
  get peers(): readonly Peer[] {
    return [this.#first.peer, this.#second?.peer].filter((peer) => peer !== undefined);
  }

  #listenerTo(which: () => Assignment): AttemptListener {
    return {
      onOutcome: (outcome) => this.#heard(outcome, which()),
      onOver: (ending: Ending) => {
        if (this.#winner === which()) this.#listener.onOver(ending);
      },
      onInformation: (status, lines) => {
        // There is one response, so its hints are those of one target.
        if (this.#second === undefined) this.#listener.onInformation?.(status, lines);
      },
    };
  }

  #hedge(): void {
    if (this.#isAborted || this.#winner !== undefined || this.#first.peer === undefined) return;
    const second: Assignment | undefined = this.#makers.second(this.#listenerTo(() => second as Assignment));
    this.#second = second;
  }

  #heard(outcome: Outcome, of: Assignment): void {
    if (this.#winner !== undefined) {
      discard(outcome);
      return;
    }
    clearTimeout(this.#timer);
    const held = this.#held;
    const other = of === this.#first ? this.#second : this.#first;
    const isBad = !outcome.isAnswer || this.#makers.isRefusal(outcome);
    if (isBad && !this.#isAborted && other !== undefined && held === undefined) {
      this.#held = { outcome, of };
      return;
    }
    // A refusal is better than nothing, as long as somebody waits for it.
    if (!outcome.isAnswer && held?.outcome.isAnswer && !this.#isAborted) {
      this.#tell(held.outcome, held.of);
      return;
    }
    if (held !== undefined) discard(held.outcome);
    this.#tell(outcome, of);
    if (held === undefined) other?.abort(LOST);
  }

  #tell(outcome: Outcome, of: Assignment): void {
    this.#winner = of;
    this.#listener.onOutcome(outcome);
  }

  abort(error: Error): void {
    this.#isAborted = true;
    clearTimeout(this.#timer);
    if (this.#winner !== undefined) {
      this.#winner.abort(error);
      return;
    }
    const held = this.#held;
    for (const each of [this.#first, this.#second]) if (each !== undefined && each !== held?.of) each.abort(error);
  }
}
