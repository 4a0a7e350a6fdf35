/** A body encoded while it is read. */

import { joinBytes } from "../../src/body/chunk.ts";
import type { ChunkReader } from "../../src/body/reader.ts";
import type { Chunk } from "../../src/gateway.ts";
import type { Ahead, Stop } from "./ahead.ts";
import type { Codec } from "./codec.ts";
import type { Encoder } from "./encoders.ts";

/** How much is encoded at a time, in bytes. */
const PIECE = 64 * 1024;

/**
 * Encodes what a body gives, and passes on what it holds back whenever the body pauses. The next chunk is asked for when all
 * output has been read. A failure of the body, or of the codec, is the failure of the encoded body, which does not end.
 */
export class EncodedBody implements ChunkReader {
  readonly isAsync = true;
  readonly #source: Ahead;
  readonly #encoder: Encoder;
  readonly #isLive: boolean;
  #codec: Codec | undefined;
  /** What reading ahead has come to, where that was not acted upon yet. */
  #stop: Stop | undefined;
  #isFlushing = false;
  #isEnding = false;
  #isClosed = false;

  /** `stop` is what reading ahead has come to before. */
  constructor(source: Ahead, encoder: Encoder, isLive: boolean, stop?: Stop) {
    this.#source = source;
    this.#encoder = encoder;
    this.#isLive = isLive;
    this.#stop = stop;
  }

  async next(): Promise<Chunk | undefined> {
    while (!this.#isClosed) {
      const output = await this.#codec?.next();
      if (output !== undefined || this.#isEnding) return output;
      if (this.#isFlushing) {
        this.#isFlushing = false;
        this.#source.passedOn();
        // The layers around may hold something back as well (rule 10).
        return "";
      }
      await this.#feed();
    }
    return undefined;
  }

  /** Gives the codec something to do. */
  async #feed(): Promise<void> {
    const source = this.#source;
    const stop = this.#stop ?? (await source.read(PIECE));
    this.#stop = undefined;
    if (this.#isClosed) return;
    this.#codec ??= this.#encoder.open(this.#isLive);
    if (source.size > 0) {
      this.#codec.write(joinBytes(source.take(PIECE)));
      // A pause, or the end, comes after all of the bytes.
      if (stop !== "enough" || source.size >= PIECE) this.#stop = stop;
    } else if (stop === "pause") {
      this.#isFlushing = true;
      this.#codec.flush(this.#encoder.flushKind);
    } else if (stop === "end") {
      this.#isEnding = true;
      this.#codec.end();
    }
  }

  close(): Promise<unknown> | undefined {
    if (this.#isClosed) return undefined;
    this.#isClosed = true;
    this.#codec?.close();
    return this.#source.close();
  }
}
