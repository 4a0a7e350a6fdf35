/** The body of a request of HTTP/2, read from a native stream. */

import type { ServerHttp2Stream } from "node:http2";
import { clientGone, type TsgiError } from "../../../errors.ts";
import type { HeaderList } from "../../../gateway.ts";
import { headerPairs } from "../../../http/headers.ts";
import { type BodySource, bodyDiscarded, MOST_DISCARDED, RequestInput } from "../../../server/engine/request-input.ts";

const NO_ERROR = 0;

/** StreamBody reads the body of one stream, as far as the app asks for it: the window of the stream is its limit. */
export class StreamBody implements BodySource {
  readonly input: RequestInput = new RequestInput(this);
  readonly #stream: ServerHttp2Stream;
  #expectsContinue: boolean;
  #hasEnded = false;
  #trailers: readonly string[] = [];
  /** How much more of what nobody reads is read; below 0 while the app reads. */
  #discardLeft = -1;

  constructor(stream: ServerHttp2Stream, expectsContinue: boolean) {
    this.#stream = stream;
    this.#expectsContinue = expectsContinue;
    stream.on("readable", this.#onReadable);
    stream.once("end", () => {
      this.#hasEnded = true;
      this.input.arrive();
    });
    stream.once("trailers", (_fields: unknown, _flags: number, lines: readonly string[] | undefined) => {
      if (lines !== undefined) this.#trailers = lines;
    });
  }

  readonly #onReadable = (): void => {
    this.input.arrive();
  };

  /** The trailer lines, once they have come. */
  get trailers(): HeaderList {
    return headerPairs(this.#trailers);
  }

  readBody(): Uint8Array | "end" | TsgiError | undefined {
    const chunk = this.#stream.read() as Uint8Array | null;
    if (chunk !== null) {
      return chunk;
    }
    return this.#hasEnded ? "end" : undefined;
  }

  bodyWanted(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    const stream = this.#stream;
    if (stream.headersSent || stream.closed || stream.destroyed || stream.readableLength > 0) return;
    stream.additionalHeaders({ ":status": 100 });
  }

  bodyAwaited(): void {}

  /** The client has left: what has arrived stays. */
  collect(): void {
    this.input.collect();
  }

  clientLeft(): void {
    this.input.fail(clientGone());
  }

  /** The response was sent: reads a rest that is short, and has the client stop sending one that is long. */
  discard(): void {
    const { input } = this;
    if (input.isComplete) return;
    input.fail(bodyDiscarded());
    const stream = this.#stream;
    if (input.isComplete || stream.destroyed) return;
    stream.off("readable", this.#onReadable);
    this.#discardLeft = MOST_DISCARDED;
    // A client that still waits for `100 Continue` need not send its body.
    if (this.#expectsContinue) stream.close(NO_ERROR);
    stream.on("data", (chunk: Uint8Array) => {
      this.#discardLeft -= chunk.length;
      if (this.#discardLeft < 0) {
        this.#discardLeft = 0;
        stream.close(NO_ERROR);
      }
    });
    stream.resume();
  }
}
