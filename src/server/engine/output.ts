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

/** Who waits for what has been gathered so far to be with the operating system. */
interface Waiting {
  /** How many bytes of the connection that is. */
  readonly position: number;
  readonly onSent: (isSent: boolean, unsent: number) => void;
}

/** Output sends bytes to one socket. */
export class Output {
  readonly #socket: Socket;
  readonly #isTls: boolean;
  /** Each character is a byte: that is what Node sends fastest. */
  #text = "";
  #isCorked = false;
  #isScheduled = false;
  #room: Promise<void> | undefined;
  #makeRoom: (() => void) | undefined;
  /** How many bytes were handed to the socket, and how many of them are known to be with the operating system. */
  #passed = 0;
  #taken = 0;
  readonly #waiting: Waiting[] = [];
  /** Whether the end of what was handed to the socket last is heard of. */
  #isHeard = true;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#isTls = "encrypted" in socket;
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
    this.#passed += bytes.length;
    this.#isHeard = true;
    this.#socket.write(bytes, this.#onTaken);
  }

  /** Hands the text that was gathered to the socket, which may keep it. */
  #pass(): void {
    const text = this.#text;
    if (text === "") return;
    this.#text = "";
    this.#passed += text.length;
    // Plain TCP mostly takes it at once, which `flush` sees; TLS never does.
    this.#isHeard = this.#isTls && this.#waiting.length > 0;
    if (this.#isHeard) this.#socket.write(text, "latin1", this.#onTaken);
    else this.#socket.write(text, "latin1");
  }

  /** How many of the bytes that were gathered are not known to be with the operating system. */
  get unsent(): number {
    return this.#passed + this.#text.length - this.#taken;
  }

  /** Calls back once what has been gathered so far is with the operating system, or the connection was closed before. */
  onSent(onSent: Waiting["onSent"]): void {
    this.#waiting.push({ position: this.#passed + this.#text.length, onSent });
  }

  readonly #onTaken = (): void => {
    const socket = this.#socket;
    // One that was destroyed forgets what it has not sent.
    if (socket.destroyed) return;
    this.#taken = this.#passed - socket.writableLength;
    if (this.#waiting.length > 0) this.#tellSent();
  };

  #tellSent(): void {
    const waiting = this.#waiting;
    // Mostly there is one, and to set the length of a list costs more than to take it.
    if (waiting.length === 1 && (waiting[0] as Waiting).position <= this.#taken) {
      (waiting.pop() as Waiting).onSent(true, 0);
      return;
    }
    let told = 0;
    while (told < waiting.length && (waiting[told] as Waiting).position <= this.#taken) {
      (waiting[told++] as Waiting).onSent(true, 0);
    }
    if (told === waiting.length) waiting.length = 0;
    else waiting.splice(0, told);
  }

  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
  }

  /** Sends what was gathered. */
  flush(): void {
    this.#pass();
    if (this.#isCorked) {
      this.#isCorked = false;
      this.#socket.uncork();
    }
    this.#onTaken();
    if (this.#waiting.length === 0 || this.#isHeard || !this.#socket.writable) return;
    this.#isHeard = true;
    this.#socket.write("", "latin1", this.#onTaken);
  }

  /**
   * Has a socket that nothing is read of tell whether its client has left, by writing nothing: Node hears of a reset when it reads
   * or writes. (Over TLS it does not hear of it by an empty write.)
   */
  ask(): void {
    if (this.length === 0 && this.#socket.writable) this.#socket.write("", "latin1");
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
      this.#socket.once("drain", () => {
        this.#onTaken();
        this.release();
      });
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

  /** The connection is closed: what waits is lost. */
  closed(): void {
    for (const { position, onSent } of this.#waiting.splice(0)) onSent(position <= this.#taken, position - this.#taken);
    this.release();
  }

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
