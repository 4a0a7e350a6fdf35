/** The body of a Fetch `Request` as `tsgi.input`. */

import { clientGone, TsgiError } from "../../errors.ts";

type Step = IteratorResult<Uint8Array, undefined>;

/** Reads nothing before it is asked to. A body that somebody has read rejects with `TSGI_BODY_READ`. */
export class StreamInput implements AsyncIterableIterator<Uint8Array> {
  readonly #request: Request;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(request: Request) {
    this.#request = request;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Step> {
    this.#reader ??= this.#open();
    try {
      const { done, value } = await this.#reader.read();
      return done ? { done: true, value: undefined } : { done: false, value };
    } catch (cause) {
      throw clientGone({ cause });
    }
  }

  async return(): Promise<Step> {
    await this.#reader?.cancel().catch(() => {});
    return { done: true, value: undefined };
  }

  #open(): ReadableStreamDefaultReader<Uint8Array> {
    const { body, bodyUsed } = this.#request;
    if (body === null || bodyUsed || body.locked) {
      throw new TsgiError("TSGI_BODY_READ", "the request body was read before the app was called", {
        hint: "Pass request.clone() to whoever else reads it.",
      });
    }
    return body.getReader();
  }
}
