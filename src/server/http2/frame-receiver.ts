/** What the frames of a client mean, and which of them are errors of its connection (RFC 9113 §5.1, §5.4, §6). */

import type { Clock } from "../engine/clock.ts";
import type { FrameReader } from "./frame-reader.ts";
import type { FrameWriter } from "./frame-writer.ts";
import {
  ACK,
  CONTINUATION,
  DATA,
  ENABLE_PUSH,
  END_HEADERS,
  END_STREAM,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  GOAWAY,
  HEADER_TABLE_SIZE,
  HEADERS,
  INITIAL_WINDOW_SIZE,
  MAX_FRAME_SIZE,
  MOST,
  MOST_IN_FRAME,
  NO_ERROR,
  PADDED,
  PING,
  PRIORITY,
  PROTOCOL_ERROR,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  STREAM_CLOSED,
  WINDOW_UPDATE,
  WITH_PRIORITY,
} from "./frames.ts";
import { HeaderBlock } from "./header-block.ts";
import { Patience } from "./patience.ts";
import type { Stream } from "./stream.ts";

const PRIORITY_SIZE = 5;
const SETTING_SIZE = 6;
const PING_SIZE = 8;

/** How many answers to PING and SETTINGS may wait for a client that does not read. */
const MOST_UNREAD = 1000;

/** What frames are for. The numbers that come back are error codes of the connection. */
export interface FrameTarget {
  /** The largest stream that the client has opened. */
  readonly lastId: number;
  /** The stream, unless it is over. */
  streamOf(id: number): Stream | undefined;
  streams(): Iterable<Stream>;
  /** A head, or trailer lines. */
  headers(id: number, block: Buffer, start: number, end: number, isEnd: boolean): number;
  /** So much of DATA has come, padding included. */
  dataCame(length: number): number;
  /** The client has answered a PING. */
  pingAnswered(payload: string): void;
  /** The client goes away. */
  goneAway(): void;
}

/** FrameReceiver checks each frame, and has done what it says. */
export class FrameReceiver {
  readonly #target: FrameTarget;
  readonly #writer: FrameWriter;
  readonly #patience: Patience;
  readonly #block = new HeaderBlock();
  #hasSettings = false;
  #unread = 0;

  constructor(target: FrameTarget, writer: FrameWriter, clock: Clock) {
    this.#target = target;
    this.#writer = writer;
    this.#patience = new Patience(clock);
  }

  /** A request was answered. */
  restore(): void {
    this.#patience.restore();
  }

  /** Takes the frame that was read last. Gives the code of an error of the connection. */
  take(frame: FrameReader): number {
    const { type, flags } = frame;
    if (this.#block.id !== 0 && type !== CONTINUATION) return PROTOCOL_ERROR;
    if (!this.#hasSettings) {
      if (type !== SETTINGS || (flags & ACK) !== 0) return PROTOCOL_ERROR;
      this.#hasSettings = true;
    }
    switch (type) {
      case DATA:
        return this.#data(frame);
      case HEADERS:
        return this.#headers(frame);
      case PRIORITY:
        if (frame.id === 0) return PROTOCOL_ERROR;
        return frame.end - frame.start === PRIORITY_SIZE ? this.useless() : FRAME_SIZE_ERROR;
      case RST_STREAM:
        return this.#reset(frame);
      case SETTINGS:
        return this.#settings(frame);
      case PUSH_PROMISE:
        return PROTOCOL_ERROR;
      case PING:
        return this.#ping(frame);
      case GOAWAY:
        if (frame.id !== 0) return PROTOCOL_ERROR;
        if (frame.end - frame.start < PING_SIZE) return FRAME_SIZE_ERROR;
        this.#target.goneAway();
        return NO_ERROR;
      case WINDOW_UPDATE:
        return this.#windowUpdate(frame);
      case CONTINUATION:
        return this.#continuation(frame);
      default:
        return this.useless();
    }
  }

  /** Something has come that serves nobody. Gives an error code. */
  useless(): number {
    return this.#patience.spend() ? NO_ERROR : ENHANCE_YOUR_CALM;
  }

  /**
   * A stream has gone wrong, and that is the client's fault: it may well have wanted just that, so that its app works for nobody
   * and the next stream may begin (CVE-2025-8671). Gives an error code of the connection.
   */
  failed(stream: Stream, code: number): number {
    stream.reset(code);
    return this.useless();
  }

  #data(frame: FrameReader): number {
    const { id, flags, bytes, start, end } = frame;
    const isEnd = (flags & END_STREAM) !== 0;
    if (id === 0 || id > this.#target.lastId) return PROTOCOL_ERROR;
    const padding = (flags & PADDED) === 0 ? 0 : 1 + (bytes[start] ?? MOST_IN_FRAME);
    const length = end - start - padding;
    if (length < 0) return PROTOCOL_ERROR;
    const tooMuch = this.#target.dataCame(end - start);
    if (tooMuch !== NO_ERROR) return tooMuch;
    if (length === 0 && !isEnd && !this.#patience.spend()) return ENHANCE_YOUR_CALM;
    const stream = this.#target.streamOf(id);
    // What was on its way when the stream was reset.
    if (stream === undefined) return NO_ERROR;
    if (stream.inbound === undefined || stream.inbound.hasEnded) return STREAM_CLOSED;
    const from = padding > 0 ? start + 1 : start;
    let error = stream.receive(bytes.subarray(from, from + length), padding);
    if (error === NO_ERROR && isEnd && !stream.isClosed) error = stream.receiveEnd();
    return error === NO_ERROR ? NO_ERROR : this.failed(stream, error);
  }

  #headers(frame: FrameReader): number {
    const { id, flags, bytes } = frame;
    let { start, end } = frame;
    if (id % 2 === 0) return PROTOCOL_ERROR;
    if ((flags & PADDED) !== 0) {
      end -= bytes[start] ?? MOST_IN_FRAME;
      start++;
    }
    if ((flags & WITH_PRIORITY) !== 0) {
      if (end - start >= PRIORITY_SIZE && (bytes.readUInt32BE(start) & MOST) === id) return PROTOCOL_ERROR;
      start += PRIORITY_SIZE;
    }
    if (end < start) return PROTOCOL_ERROR;
    const isEnd = (flags & END_STREAM) !== 0;
    if ((flags & END_HEADERS) !== 0) return this.#target.headers(id, bytes, start, end, isEnd);
    this.#block.begin(id, isEnd, bytes.subarray(start, end));
    return NO_ERROR;
  }

  #continuation({ id, flags, bytes, start, end }: FrameReader): number {
    const block = this.#block;
    if (id === 0 || id !== block.id) return PROTOCOL_ERROR;
    const error = block.add(bytes.subarray(start, end));
    if (error !== NO_ERROR || (flags & END_HEADERS) === 0) return error;
    const whole = block.take();
    return this.#target.headers(id, whole, 0, whole.length, block.isEnd);
  }

  #reset({ id, start, end }: FrameReader): number {
    if (id === 0 || id > this.#target.lastId) return PROTOCOL_ERROR;
    if (end - start !== 4) return FRAME_SIZE_ERROR;
    const stream = this.#target.streamOf(id);
    if (stream === undefined) return this.useless();
    stream.clientReset();
    return this.useless();
  }

  #settings({ id, flags, bytes, start, end }: FrameReader): number {
    if (id !== 0) return PROTOCOL_ERROR;
    if ((flags & ACK) !== 0) return start === end ? this.useless() : FRAME_SIZE_ERROR;
    if ((end - start) % SETTING_SIZE !== 0) return FRAME_SIZE_ERROR;
    let window = -1;
    for (let at = start; at < end; at += SETTING_SIZE) {
      const value = bytes.readUInt32BE(at + 2);
      switch (bytes.readUInt16BE(at)) {
        case HEADER_TABLE_SIZE:
          this.#writer.resizeTable(value);
          break;
        case ENABLE_PUSH:
          if (value > 1) return PROTOCOL_ERROR;
          break;
        case INITIAL_WINDOW_SIZE:
          if (value > MOST) return FLOW_CONTROL_ERROR;
          window = value;
          break;
        case MAX_FRAME_SIZE:
          if (value < MOST_IN_FRAME || value >= 2 ** 24) return PROTOCOL_ERROR;
      }
    }
    this.#answer(SETTINGS, "");
    if (window >= 0 && !this.#resizeWindows(window)) return FLOW_CONTROL_ERROR;
    return this.#answersAreRead() ? this.useless() : ENHANCE_YOUR_CALM;
  }

  /** The windows of all streams change with what the first one is (RFC 9113 §6.9.2). */
  #resizeWindows(window: number): boolean {
    const change = window - this.#writer.firstWindow;
    this.#writer.firstWindow = window;
    if (change === 0) return true;
    for (const stream of this.#target.streams()) if (!stream.outbound.grow(change)) return false;
    return true;
  }

  #answer(type: number, payload: string): void {
    this.#writer.send(type, ACK, 0, payload);
  }

  /** Whether the client reads what it has asked for. */
  #answersAreRead(): boolean {
    if (!this.#writer.output.isFull) this.#unread = 0;
    return ++this.#unread <= MOST_UNREAD;
  }

  #ping({ id, flags, bytes, start, end }: FrameReader): number {
    if (id !== 0) return PROTOCOL_ERROR;
    if (end - start !== PING_SIZE) return FRAME_SIZE_ERROR;
    const payload = bytes.toString("latin1", start, end);
    if ((flags & ACK) !== 0) this.#target.pingAnswered(payload);
    else this.#answer(PING, payload);
    return this.#answersAreRead() ? NO_ERROR : ENHANCE_YOUR_CALM;
  }

  #windowUpdate({ id, bytes, start, end }: FrameReader): number {
    if (end - start !== 4) return FRAME_SIZE_ERROR;
    if (id > this.#target.lastId) return PROTOCOL_ERROR;
    const more = bytes.readUInt32BE(start) & MOST;
    if (id === 0) {
      if (more === 0) return PROTOCOL_ERROR;
      return this.#writer.grow(more) ? NO_ERROR : FLOW_CONTROL_ERROR;
    }
    const stream = this.#target.streamOf(id);
    if (stream === undefined) return NO_ERROR;
    if (more === 0) return this.failed(stream, PROTOCOL_ERROR);
    return stream.outbound.grow(more) ? NO_ERROR : this.failed(stream, FLOW_CONTROL_ERROR);
  }
}
