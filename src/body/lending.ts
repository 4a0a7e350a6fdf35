/**
 * Memory that is used again, for bodies whose chunks are large: to allocate it anew for each chunk takes half of the time of
 * sending it.
 */

/**
 * A `LendingBody` gets the memory of a chunk back by the one that sends the response, once the chunk was sent and nobody else has
 * got it. Whoever reads it as any other body keeps what it reads, and gives nothing back.
 */
export abstract class LendingBody {
  abstract takeBack(chunk: Uint8Array): void;
}

/** Memory lends pieces of one size. */
export class Memory {
  readonly #size: number;
  readonly #most: number;
  /** What nobody uses; the last one is used first, as the processor may still have it at hand. */
  readonly #free: Buffer[] = [];
  /** How long the chunk is that has a piece of memory for itself. */
  readonly #lent = new WeakMap<ArrayBufferLike, number>();

  /** `size` is that of a piece, in bytes; no more than `most` of them are kept for later. */
  constructor(size: number, most: number) {
    this.#size = size;
    this.#most = most;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#size);
  }

  /** Puts back a piece that was taken, and not handed on. */
  put(piece: Buffer): void {
    if (this.#free.length < this.#most) this.#free.push(piece);
  }

  /** Says that a chunk is all that is in its piece of memory, so that this may come back. */
  lend({ buffer, byteOffset, length }: Uint8Array): void {
    if (byteOffset === 0 && buffer.byteLength === this.#size) this.#lent.set(buffer, length);
  }

  /** Takes back a chunk that was lent; one that was not, or is part of one, keeps its memory. */
  takeBack({ buffer, byteOffset, length }: Uint8Array): void {
    if (byteOffset !== 0 || this.#lent.get(buffer) !== length) return;
    this.#lent.delete(buffer);
    this.put(Buffer.from(buffer));
  }
}
