/** `tsgi.input` over something that is read only when the app asks for its first chunk. */

import { clientGone } from "../errors.ts";
import { callOut, mayBeDropped } from "../promise.ts";

/** One step of reading a request body. */
export type InputStep = IteratorResult<Uint8Array, undefined>;

/** Where the chunks come from: `return` stops reading and need not wait for a `next` under way. */
export interface InputSource {
  next(): Promise<IteratorResult<Uint8Array, unknown>>;
  return(): unknown;
}

const DONE: InputStep = Object.freeze({ done: true, value: undefined });

/**
 * An input that opens its source with the first read. A failure of the source rejects with `TSGI_CLIENT_GONE`, one of
 * `open` with its own error. Any number of reads may be under way, and none of them has to be awaited: a rejection that
 * nobody listens to ends nothing.
 */
export class LateInput implements AsyncIterableIterator<Uint8Array> {
  readonly #open: () => InputSource;
  #source: InputSource | undefined;
  #stopped = false;

  constructor(open: () => InputSource) {
    this.#open = open;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<InputStep> {
    return mayBeDropped(this.#read());
  }

  async #read(): Promise<InputStep> {
    if (this.#stopped) return DONE;
    this.#source ??= this.#open();
    try {
      const { done, value } = await this.#source.next();
      return done || this.#stopped ? DONE : { done: false, value: value as Uint8Array };
    } catch (cause) {
      if (this.#stopped) return DONE;
      throw clientGone({ cause });
    }
  }

  /** Stops reading at once, whatever the source still waits for. */
  return(): Promise<InputStep> {
    if (!this.#stopped) {
      this.#stopped = true;
      const source = this.#source;
      if (source !== undefined) {
        callOut(
          () => source.return(),
          () => {},
        );
      }
    }
    return Promise.resolve(DONE);
  }
}
