/** The body of an event stream. */

import type { ChunkReader } from "../../src/body/reader.ts";
import type { Chunk } from "../../src/gateway.ts";
import { isPromise } from "../../src/promise.ts";
import { textOfEvent } from "./event-text.ts";
import { type SseEvents, type Steps, stepsOf } from "./events.ts";

/** A line that says nothing, and the end of the event that it would belong to. */
const HEARTBEAT = ":\n\n";

/** What a step has come to: text to send, undefined for the end; or what it has failed with. */
type Outcome = { readonly text: string | undefined } | { readonly error: unknown };

/** EventReader gives events as text, and a comment where none has come for a while. Of each step it waits for the end once. */
export class EventReader implements ChunkReader {
  readonly isAsync = true;
  readonly #steps: Steps;
  readonly #heartbeat: number;
  #opening: string | undefined;
  /** Whether a step is under way; it may go on over any number of heartbeats. */
  #isStepping = false;
  /** What a step has come to while nobody waited. */
  #outcome: Outcome | undefined;
  #waiting: { resolve(text: string | undefined): void; reject(error: unknown): void } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the events have come to their end by themselves, or failed. */
  #isOver = false;
  /** Whether nothing more is sent. */
  #isEnded = false;
  #isClosed = false;
  /** What is called when it is closed. */
  onClose: (() => void) | undefined;

  constructor(events: SseEvents, opening: string, heartbeat: number) {
    this.#steps = stepsOf(events);
    this.#opening = opening;
    this.#heartbeat = heartbeat;
  }

  next(): Chunk | undefined | Promise<Chunk | undefined> {
    const opening = this.#opening;
    if (opening !== undefined) {
      this.#opening = undefined;
      return opening;
    }
    if (!this.#isEnded && !this.#isStepping && this.#outcome === undefined) this.#step();
    if (this.#isEnded && this.#outcome === undefined) return undefined;
    const outcome = this.#outcome;
    if (outcome === undefined) return this.#wait();
    this.#outcome = undefined;
    if ("error" in outcome) throw outcome.error;
    return outcome.text;
  }

  #step(): void {
    try {
      const step = this.#steps.next();
      if (!isPromise(step)) {
        this.#settle(this.#outcomeOf(step));
        return;
      }
      this.#isStepping = true;
      Promise.resolve(step).then(
        (settled) => this.#settle(this.#outcomeOf(settled)),
        (error) => this.#failed(error),
      );
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#isOver = true;
    this.#settle({ error });
  }

  #outcomeOf(step: IteratorResult<unknown>): Outcome {
    if (step.done) {
      this.#isOver = true;
      this.#isEnded = true;
      return { text: undefined };
    }
    try {
      return { text: textOfEvent(step.value as string) };
    } catch (error) {
      return { error };
    }
  }

  #settle(outcome: Outcome): void {
    this.#isStepping = false;
    if ("error" in outcome) this.#isEnded = true;
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#outcome = outcome;
      return;
    }
    this.#stopWaiting();
    if ("error" in outcome) waiting.reject(outcome.error);
    else waiting.resolve(outcome.text);
  }

  #wait(): Promise<Chunk | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#heartbeat === 0) return;
      this.#timer = setTimeout(() => {
        this.#stopWaiting();
        resolve(HEARTBEAT);
      }, this.#heartbeat);
    });
  }

  #stopWaiting(): void {
    this.#waiting = undefined;
    clearTimeout(this.#timer);
  }

  /** Ends the stream for its client: what has read it closes it. */
  end(): void {
    this.#isEnded = true;
    this.#opening = undefined;
    this.#outcome = undefined;
    const waiting = this.#waiting;
    this.#stopWaiting();
    waiting?.resolve(undefined);
  }

  close(): undefined | Promise<unknown> {
    if (this.#isClosed) return undefined;
    this.#isClosed = true;
    this.end();
    this.onClose?.();
    try {
      const closing = this.#steps.close(this.#isOver);
      return isPromise(closing) ? Promise.resolve(closing) : undefined;
    } catch (error) {
      return Promise.reject(error);
    }
  }
}
