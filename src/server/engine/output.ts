/** What goes to a socket: gathered for as long as one turn lasts, so that small pieces leave in one packet. */

import type { Socket } from "node:net";
import { byteLength, toBytes } from "../../body/chunk.ts";
import type { Chunk } from "../../gateway.ts";

/** Longer chunks of bytes are not copied. */
const MOST_COPIED = 1024;

/** How many bytes may wait for the client before whoever sends more has to wait; Node's own mark is a quarter of it or less. */
export const HIGH_WATER_MARK: number = 128 * 1024;

/** How much is gathered before it is sent in any case. */
const MOST_GATHERED = 64 * 1024;

/** Output sends bytes to one socket. */
export class Output {
  readonly #socket: Socket;
  /** Each character is a byte: that is what Node sends fastest. */
  #text = "";
  #isCorked = false;
  #isScheduled = false;
  #room: Promise<void> | undefined;
  #makeRoom: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** How many bytes wait to be sent. */
  get length(): number {
    return this.#socket.writableLength + this.#text.length;
  }

  /** Whether so much waits that whoever sends more has to wait. */
  get isFull(): boolean {
    return this.length >= HIGH_WATER_MARK;
  }

  /** Gathers text of which each character is a byte. */
  addText(text: string): void {
    this.#text += text;
    if (this.#text.length > MOST_GATHERED) this.#pass();
  }

  /** Gathers a chunk. */
  addChunk(chunk: Chunk): void {
    if (typeof chunk === "string" && byteLength(chunk) === chunk.length) this.addText(chunk);
    else this.#addBytes(toBytes(chunk));
  }

  #addBytes(bytes: Uint8Array): void {
    if (bytes.length <= MOST_COPIED) {
      this.addText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1"));
      return;
    }
    this.#cork();
    this.#pass();
    this.#socket.write(bytes);
  }

  /** Hands the text that was gathered to the socket, which may keep it. */
  #pass(): void {
    const text = this.#text;
    if (text === "") return;
    this.#text = "";
    this.#socket.write(text, "latin1");
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
  }

  /** Sends what was gathered. */
  flush(): void {
    this.#pass();
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#socket.uncork();
  }

  /** Sends what was gathered at the end of this turn. */
  flushSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  /** A promise that settles when there is room again, or the connection is closed; undefined where there is room. */
  untilRoom(): Promise<void> | undefined {
    if (!this.isFull) return undefined;
    this.flush();
    if (!this.isFull || this.#socket.destroyed) return undefined;
    if (this.#room === undefined) {
      this.#room = new Promise((resolve) => {
        this.#makeRoom = resolve;
      });
      this.#socket.once("drain", () => this.release());
    }
    return this.#room;
  }

  /**
   * Cuts a client that reads nothing for a time, in milliseconds; 0 for "no limit". Only the socket itself notices that a slow
   * client does read, so it is its timer.
   */
  checkReader(timeout: number): void {
    const socket = this.#socket;
    if (timeout === 0) socket.setTimeout(0, this.#onTimeout);
    else if (socket.writableLength > 0 && socket.timeout !== timeout) socket.setTimeout(timeout, this.#onTimeout);
  }

  readonly #onTimeout = (): void => {
    if (this.#socket.writableLength > 0) this.#socket.destroy();
    else this.#socket.setTimeout(0, this.#onTimeout);
  };

  /** Settles the promise of room. */
  release(): void {
    this.#room = undefined;
    this.#makeRoom?.();
    this.#makeRoom = undefined;
  }
}

/** Resets a connection: its client then knows that what came is not all. */
export function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    // Only plain TCP can be reset; TLS itself tells a lost connection from a closed one.
    socket.destroy();
  }
}
