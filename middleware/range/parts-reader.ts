/** Parts of a stream. */

import { toBytes } from "../../src/body/chunk.ts";
import type { ChunkReader } from "../../src/body/reader.ts";
import type { Chunk } from "../../src/gateway.ts";
import type { Part } from "../../src/http/partial.ts";

const NO_BYTES = new Uint8Array();

/** How much of a stream is skipped at a time, in bytes: it may never pause by itself. */
const SKIPPED = 1024 * 1024;

/** Reads a body as far as its last part, and gives the parts, whose ranges ascend. The body is closed after the last one. */
export class PartsReader implements ChunkReader {
  readonly isAsync = true;
  readonly #inner: ChunkReader;
  readonly #parts: readonly Part[];
  #index = 0;
  /** What was read last, and where it begins in the body. */
  #bytes: Uint8Array = NO_BYTES;
  #position = 0;
  #skipped = 0;

  constructor(inner: ChunkReader, parts: readonly Part[]) {
    this.#inner = inner;
    this.#parts = parts;
  }

  async next(): Promise<Chunk | undefined> {
    for (;;) {
      const part = this.#parts[this.#index];
      if (part === undefined) return undefined;
      if (part instanceof Uint8Array) {
        this.#index++;
        return part;
      }
      const end = this.#position + this.#bytes.byteLength;
      if (part.first >= end || this.#bytes.byteLength === 0) {
        await this.#skip(part.first >= end ? this.#bytes.byteLength : 0);
        this.#position = end;
        const chunk = await this.#inner.next();
        // The head has said how long it is: the server cuts what is shorter.
        if (chunk === undefined) return undefined;
        this.#bytes = toBytes(chunk);
        continue;
      }
      const from = Math.max(0, part.first - this.#position);
      const piece = this.#bytes.subarray(from, part.last + 1 - this.#position);
      if (part.last < end) this.#index++;
      else {
        this.#position = end;
        this.#bytes = NO_BYTES;
      }
      return piece;
    }
  }

  /** Lets others have their turn now and then. */
  async #skip(length: number): Promise<void> {
    this.#skipped += length;
    if (this.#skipped < SKIPPED) return;
    this.#skipped = 0;
    await new Promise<void>((resolve) => {
      setTimeout(resolve);
    });
  }

  close(): undefined | Promise<unknown> {
    this.#index = this.#parts.length;
    this.#bytes = NO_BYTES;
    return this.#inner.close();
  }
}
