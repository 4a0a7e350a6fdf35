/** What goes to the client of one connection: frames in their order, and what its windows hold back (RFC 9113 §4, §6.9). */

import type { Socket } from "node:net";
import type { Chunk, HeaderList } from "../../gateway.ts";
import { httpDate } from "../engine/head-text.ts";
import { Output } from "../engine/output.ts";
import { trimmed } from "./field-value.ts";
import {
  CONTINUATION,
  END_HEADERS,
  END_STREAM,
  FIRST_WINDOW,
  frameHead,
  GOAWAY,
  HEADERS,
  MOST,
  MOST_IN_FRAME,
  RST_STREAM,
  uint32,
} from "./frames.ts";
import { HeaderEncoder } from "./hpack/encoder.ts";

/** A stream that has more to send than there was room for. */
export interface WaitingStream {
  /** Whether there is something to be sent that the client takes on this stream. */
  readonly isReady: boolean;
  /** Sends a frame of it. */
  sendSome(): void;
}

/** FrameWriter sends frames; streams that have more to send than there is room for take turns. */
export class FrameWriter {
  readonly output: Output;
  /** How much the client takes on the connection, and on each new stream. */
  window: number = FIRST_WINDOW;
  firstWindow: number = FIRST_WINDOW;
  /** Whether what is gathered is sent when all that has come was read. */
  isGathering = false;
  /** How often something of a body was sent. */
  progress = 0;
  readonly #encoder = new HeaderEncoder();
  /** The streams that wait for room, in the order of their turns. */
  readonly #waiting = new Set<WaitingStream>();
  #isStalled = false;

  constructor(socket: Socket) {
    this.output = new Output(socket);
  }

  /** The client has said how much its table of header lines may hold. */
  resizeTable(size: number): void {
    this.#encoder.resize(size);
  }

  /** Sends a frame. */
  send(type: number, flags: number, id: number, payload: string): void {
    this.output.addText(frameHead(payload.length, type, flags, id) + payload);
    this.flushSoon();
  }

  reset(id: number, code: number): void {
    this.send(RST_STREAM, 0, id, uint32(code));
  }

  goAway(lastId: number, code: number): void {
    this.send(GOAWAY, 0, 0, uint32(lastId) + uint32(code));
  }

  /**
   * Sends a head. `length` adds a `content-length`, in bytes, unless that is -1; a head with a date has it sent as well, where it
   * is missing.
   */
  sendHead(id: number, code: number, headers: HeaderList, length: number, isEnd: boolean): void {
    const encoder = this.#encoder;
    let block = encoder.begin() + encoder.status(code);
    let isDated = code < 200;
    for (let index = 0; index < headers.length; index++) {
      const line = headers[index] as readonly [string, string];
      const name = line[0];
      if (name.length === 4 && name.toLowerCase() === "date") isDated = true;
      block += encoder.line(name, trimmed(line[1]));
    }
    if (length >= 0) block += encoder.line("content-length", String(length));
    if (!isDated) block += encoder.line("date", httpDate());
    this.#sendBlock(id, block, isEnd);
  }

  sendTrailers(id: number, trailers: HeaderList): void {
    let block = this.#encoder.begin();
    for (const [name, value] of trailers) block += this.#encoder.line(name, trimmed(value));
    this.#sendBlock(id, block, true);
  }

  #sendBlock(id: number, block: string, isEnd: boolean): void {
    const end = isEnd ? END_STREAM : 0;
    if (block.length <= MOST_IN_FRAME) {
      this.output.addText(frameHead(block.length, HEADERS, END_HEADERS | end, id) + block);
      return;
    }
    for (let at = 0; at < block.length; at += MOST_IN_FRAME) {
      const part = block.slice(at, at + MOST_IN_FRAME);
      const isLast = at + MOST_IN_FRAME >= block.length;
      const flags = (isLast ? END_HEADERS : 0) | (at === 0 ? end : 0);
      this.output.addText(frameHead(part.length, at === 0 ? HEADERS : CONTINUATION, flags, id) + part);
    }
  }

  /** Sends a part of a body after the head of its frame. */
  sendData(head: string, part: Chunk, length: number): void {
    this.window -= length;
    this.progress++;
    this.output.addText(head);
    if (length > 0) this.output.addChunk(part);
  }

  /** Sends what was gathered when this turn is over. */
  flushSoon(): void {
    if (!this.isGathering) this.output.flushSoon();
  }

  /** A stream has more to send than there was room for. */
  wait(stream: WaitingStream): void {
    this.#waiting.add(stream);
    this.pump();
  }

  forget(stream: WaitingStream): void {
    this.#waiting.delete(stream);
  }

  /** The client takes more on the connection; false where that is more than a window can be. */
  grow(count: number): boolean {
    this.window += count;
    this.pump();
    return this.window <= MOST;
  }

  /** Sends what there is room for. */
  pump(): void {
    const { output } = this;
    // One that is added again comes after all others.
    for (const stream of this.#waiting) {
      if (this.window <= 0 || this.#isStalled || (output.isFull && this.#stall())) break;
      this.#waiting.delete(stream);
      if (!stream.isReady) continue;
      stream.sendSome();
      if (stream.isReady) this.#waiting.add(stream);
    }
    this.flushSoon();
  }

  /** Waits for room on the connection; false where there is some by now. */
  #stall(): boolean {
    const room = this.output.untilRoom();
    if (room === undefined) return false;
    this.#isStalled = true;
    void room.then(() => {
      this.#isStalled = false;
      this.pump();
    });
    return true;
  }
}
