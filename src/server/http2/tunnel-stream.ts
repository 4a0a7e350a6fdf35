/** A stream as the transport of a tunnel (RFC 8441). */

import type { HeaderList, StatusLine } from "../../gateway.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { Inbound } from "./inbound.ts";
import type { Outbound } from "./outbound.ts";
import type { TunnelReader, TunnelTransport } from "./tunnel.ts";

/** The stream that was taken over. */
export interface TakenStream {
  readonly id: number;
  readonly isClosed: boolean;
  readonly outbound: Outbound;
  /** The head has been sent. */
  headWritten(): void;
  /** Answers with a status. */
  answer(status: StatusLine): void;
  reset(code: number): void;
}

/** TunnelStream passes on what comes through a stream as far as somebody wants it. */
export class TunnelStream implements TunnelTransport {
  readonly #stream: TakenStream;
  readonly #inbound: Inbound;
  readonly #writer: FrameWriter;
  #reader: TunnelReader | undefined;
  #isFlowing = false;
  #hasTold = false;
  hasSentEnd = false;
  #onEndSent: (() => void) | undefined;

  constructor(stream: TakenStream, inbound: Inbound, writer: FrameWriter) {
    this.#stream = stream;
    this.#inbound = inbound;
    this.#writer = writer;
  }

  get isEnded(): boolean {
    return this.hasSentEnd || this.#stream.isClosed;
  }

  bind(reader: TunnelReader): void {
    this.#reader = reader;
    this.#inbound.listen(() => this.#pass());
  }

  resume(): void {
    this.#isFlowing = true;
    this.#pass();
  }

  #pass(): void {
    while (this.#isFlowing && !this.#hasTold) {
      const step = this.#inbound.readBody();
      if (step === undefined) return;
      if (step instanceof Uint8Array) this.#isFlowing = this.#reader?.streamBytes(step) ?? true;
      else {
        this.#hasTold = true;
        this.#reader?.streamEnded();
      }
    }
  }

  /** The stream is closed. */
  closed(isWhole: boolean): void {
    this.#reader?.streamClosed(isWhole);
  }

  inform(code: number, headers: HeaderList): void {
    this.#writer.sendHead(this.#stream.id, code, headers, -1, false);
    this.#writer.flushSoon();
  }

  respond(code: number, headers: HeaderList, isEnd: boolean): void {
    this.#writer.sendHead(this.#stream.id, code, headers, -1, isEnd);
    this.#stream.headWritten();
    if (isEnd) {
      this.hasSentEnd = true;
      this.#stream.outbound.endedWithHead();
    }
    this.#writer.flushSoon();
  }

  refuse(): void {
    this.hasSentEnd = true;
    this.#stream.answer("501 Not Implemented");
  }

  write(bytes: Uint8Array, callback: () => void): void {
    const room = this.#stream.outbound.write(bytes);
    if (room === undefined) callback();
    else void room.then(callback);
  }

  end(bytes: Uint8Array | undefined, callback: () => void): void {
    this.hasSentEnd = true;
    this.#onEndSent = callback;
    this.#stream.outbound.end(bytes);
  }

  /** All was sent. */
  endSent(): void {
    this.#onEndSent?.();
    this.#onEndSent = undefined;
  }

  reset(code: number): void {
    this.#stream.reset(code);
  }
}
