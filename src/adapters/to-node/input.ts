/** The body of a request of any Node server as `tsgi.input`. */

import type { IncomingMessage } from "node:http";
import { clientGone } from "../../errors.ts";
import { bodyRead } from "../body-read.ts";

type Step = IteratorResult<Uint8Array, undefined>;

/** Nothing is read before it is asked for. A body that somebody has read already rejects with `TSGI_BODY_READ`. */
export class RequestInput implements AsyncIterableIterator<Uint8Array> {
  readonly #request: IncomingMessage;
  #chunks: AsyncIterator<Uint8Array> | undefined;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Step> {
    if (this.#chunks === undefined) {
      if (this.#request.readableDidRead) throw bodyRead();
      // Whoever stops early may still answer: the request is not to be destroyed with the connection.
      this.#chunks = this.#request.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
    }
    try {
      const step = await this.#chunks.next();
      return step.done ? { done: true, value: undefined } : step;
    } catch (cause) {
      throw clientGone({ cause });
    }
  }

  async return(): Promise<Step> {
    await this.#chunks?.return?.();
    return { done: true, value: undefined };
  }
}
