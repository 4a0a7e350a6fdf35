/** What a client gets on one stream after the head, as its windows allow (RFC 9113 §5.2, §6.9). */

import { byteLength, toBytes } from "../../body/chunk.ts";
import type { Chunk, HeaderList } from "../../gateway.ts";
import { HIGH_WATER_MARK } from "../engine/output.ts";
import type { FrameWriter, WaitingStream } from "./frame-writer.ts";
import { DATA, END_STREAM, frameHead, MOST, MOST_IN_FRAME } from "./frames.ts";

/** Who holds the stream. */
export interface OutboundOwner {
  readonly id: number;
  /** All was sent, and the end of it. */
  endSent(): void;
}

/** Outbound sends what there is room for, and keeps the rest. */
export class Outbound implements WaitingStream {
  readonly #writer: FrameWriter;
  readonly #owner: OutboundOwner;
  /** How much the client takes on this stream. */
  #window: number;
  #pieces: Uint8Array[] = [];
  /** How much of the first piece was sent. */
  #sent = 0;
  /** How many bytes wait. */
  length = 0;
  /** Whether all has been handed over, and whether it has been sent with its end. */
  #isLast = false;
  hasEnded = false;
  /** The trailer lines, which end the stream. */
  #trailers: HeaderList | undefined;
  /** Who wants to know when a piece was sent. */
  readonly #onSent = new Map<Uint8Array, (isSent: boolean) => void>();
  #room: Promise<void> | undefined;
  #makeRoom: (() => void) | undefined;

  constructor(writer: FrameWriter, owner: OutboundOwner) {
    this.#writer = writer;
    this.#owner = owner;
    this.#window = writer.firstWindow;
  }

  /** Sends a chunk, or keeps it; a promise where so much waits that whoever sends more has to wait. */
  write(chunk: Chunk): void | Promise<void> {
    const length = byteLength(chunk);
    if (length === 0 || this.#isLast) return;
    const writer = this.#writer;
    if (!this.#sendWhole(chunk, length, 0)) this.#keep(chunk, length);
    writer.flushSoon();
    if (this.length >= HIGH_WATER_MARK) return this.untilRoom();
    return writer.output.untilRoom();
  }

  /** Sends the last chunk, if there is one, and the end; or keeps them. */
  end(chunk?: Chunk): void {
    if (this.#isLast) return;
    this.#isLast = true;
    const length = chunk === undefined ? 0 : byteLength(chunk);
    const isWhole = this.#trailers === undefined && this.#sendWhole(chunk ?? "", length, END_STREAM);
    if (isWhole) this.#ended();
    else {
      if (length > 0) this.#keep(chunk as Chunk, length);
      if (this.length === 0 && !this.hasEnded) this.#sendEnd();
    }
    this.#writer.flushSoon();
  }

  /** Has the stream end with trailer lines. */
  endWith(trailers: HeaderList): void {
    this.#trailers = trailers;
  }

  /** The end was sent with the head. */
  endedWithHead(): void {
    this.#isLast = true;
    this.#ended();
  }

  #ended(): void {
    this.hasEnded = true;
    this.#owner.endSent();
  }

  #sendEnd(): void {
    if (this.#trailers === undefined) this.#writer.output.addText(frameHead(0, DATA, END_STREAM, this.#owner.id));
    else this.#writer.sendTrailers(this.#owner.id, this.#trailers);
    this.#ended();
  }

  /** Sends a chunk at once where it fits. */
  #sendWhole(chunk: Chunk, length: number, flags: number): boolean {
    const writer = this.#writer;
    const fits = length <= this.#window && length <= writer.window && length <= MOST_IN_FRAME;
    if (this.length > 0 || !fits || (length > 0 && writer.output.isFull)) return false;
    this.#window -= length;
    writer.sendData(frameHead(length, DATA, flags, this.#owner.id), chunk, length);
    return true;
  }

  #keep(chunk: Chunk, length: number): void {
    this.#pieces.push(toBytes(chunk));
    this.length += length;
    this.#writer.wait(this);
  }

  get isReady(): boolean {
    return this.length > 0 && this.#window > 0;
  }

  sendSome(): void {
    const writer = this.#writer;
    const piece = this.#pieces[0] as Uint8Array;
    const length = Math.min(piece.length - this.#sent, this.#window, writer.window, MOST_IN_FRAME);
    const part = piece.subarray(this.#sent, this.#sent + length);
    this.#sent += length;
    this.#window -= length;
    this.length -= length;
    const isWhole = this.#sent === piece.length;
    if (isWhole) {
      this.#pieces.shift();
      this.#sent = 0;
    }
    const isEnd = this.#isLast && this.length === 0;
    const endsHere = isEnd && this.#trailers === undefined;
    writer.sendData(frameHead(length, DATA, endsHere ? END_STREAM : 0, this.#owner.id), part, length);
    if (isWhole && this.#onSent.size > 0) this.#pieceSent(piece);
    if (endsHere) this.#ended();
    else if (isEnd) this.#sendEnd();
    if (this.length < HIGH_WATER_MARK) this.release();
  }

  /** Calls back once what was handed over last is with the operating system; not where it is dropped before. */
  onSent(callback: (isSent: boolean) => void): void {
    const last = this.#pieces.at(-1);
    if (last === undefined) this.#writer.output.onSent(callback);
    else this.#onSent.set(last, callback);
  }

  #pieceSent(piece: Uint8Array): void {
    const onSent = this.#onSent.get(piece);
    if (onSent === undefined) return;
    this.#onSent.delete(piece);
    this.#writer.output.onSent(onSent);
  }

  /** The client takes more, or less than it has said; false where that is more than a window can be. */
  grow(count: number): boolean {
    this.#window += count;
    if (this.#window > MOST) return false;
    if (this.isReady) this.#writer.wait(this);
    return true;
  }

  /** A promise that settles when there is room again, or nothing can be sent any more. */
  untilRoom(): Promise<void> {
    this.#room ??= new Promise((resolve) => {
      this.#makeRoom = resolve;
    });
    return this.#room;
  }

  release(): void {
    if (this.#room === undefined) return;
    this.#room = undefined;
    this.#makeRoom?.();
    this.#makeRoom = undefined;
  }

  /** Nothing can be sent any more: what waits is lost. Gives how much that was. */
  drop(): number {
    const { length } = this;
    this.#isLast = true;
    this.#pieces = [];
    this.#onSent.clear();
    this.length = 0;
    this.#writer.forget(this);
    this.release();
    return length;
  }
}
