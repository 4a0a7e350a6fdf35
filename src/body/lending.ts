/**
 * Memory that is used again, for bodies whose chunks are large: to allocate it anew for each chunk takes half of the time of
 * sending it.
 */

/**
 * A `LendingBody` has the memory of a chunk taken back by the one that sends the response, once the chunk was sent and nobody else has
 * got it. Whoever reads it as any other body keeps what it reads, and gives nothing back.
 */
export abstract class LendingBody {
  readonly #memory: Memory;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /**
   * The memory that a body lends; undefined where it is none that does, merely passes for one, as a `Proxy` does, or somebody has put
   * a method of their own on it, who might keep what it gives.
   */
  static memoryOf(body: object): Memory | undefined {
    return #memory in body && Reflect.ownKeys(body).length === 0 ? body.#memory : undefined;
  }
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

  /** Says that a chunk is all that is in its piece of memory, so that this may come back. */
  lend({ buffer, byteOffset, length }: Uint8Array): void {
    if (byteOffset === 0 && buffer.byteLength === this.#size) this.#lent.set(buffer, length);
  }

  /** Whether a chunk was lent, and is not part of one. */
  hasLent({ buffer, byteOffset, length }: Uint8Array): boolean {
    return byteOffset === 0 && this.#lent.get(buffer) === length;
  }

  /** Takes back a chunk that was lent; another one keeps its memory. */
  takeBack(chunk: Uint8Array): void {
    if (!this.hasLent(chunk)) return;
    const { buffer } = chunk;
    this.#lent.delete(buffer);
    if (this.#free.length < this.#most) this.#free.push(Buffer.from(buffer));
  }
}
