/** Two streams of which each reads what the other writes: a connection without a network. */

import { Duplex } from "node:stream";

class Side extends Duplex {
  other!: Side;
  /** What the other side waits with until this one reads. */
  #waiting: (() => void) | undefined;
  /** Whether the other side sends nothing more. */
  #hasEnded = false;

  override _read(): void {
    const goOn = this.#waiting;
    this.#waiting = undefined;
    goOn?.();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: () => void): void {
    // Later, as on a network: who writes does not expect the answer before its call has returned.
    process.nextTick(() => this.other.#arrive(chunk, callback));
  }

  #arrive(chunk: Uint8Array, callback: () => void): void {
    if (this.destroyed || this.#hasEnded || chunk.length === 0) {
      callback();
      return;
    }
    this.#waiting = callback;
    this.push(chunk);
  }

  override _final(callback: () => void): void {
    this.other.#end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.other.#end();
    this._read();
    callback(error);
  }

  #end(): void {
    if (!this.destroyed && !this.#hasEnded) this.push(null);
    this.#hasEnded = true;
  }
}

/** Makes a pair. A side that is destroyed ends the other one. */
export function duplexPair(): readonly [Duplex, Duplex] {
  const one = new Side();
  const other = new Side();
  one.other = other;
  other.other = one;
  return [one, other];
}
