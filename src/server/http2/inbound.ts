/** What a client sends on one stream after the head (RFC 9113 §5.2, §8.1). */

import { clientGone, type TsgiError } from "../../errors.ts";
import { badBody } from "../engine/refusal.ts";
import { type BodySource, bodyDiscarded, MOST_DISCARDED, RequestInput } from "../engine/request-input.ts";
import { Arrived } from "./arrived.ts";
import { FIRST_WINDOW, FLOW_CONTROL_ERROR, NO_ERROR, PROTOCOL_ERROR } from "./frames.ts";

/** How far a client may be ahead of an app that reads, in bytes: what one that is far away needs to send without pauses. */
const MOST_AHEAD = 512 * 1024;

/** Who holds the stream. */
export interface InboundOwner {
  /** So many bytes more wait here, or fewer; the client may send as many more as `window`. */
  heldChanged(change: number, window: number): void;
  /** The client waits for leave to send its body. */
  sendContinue(): void;
  /** Has the client stop sending, once the response is over. */
  stopClient(): void;
}

/** Inbound keeps what has come until somebody takes it: the window of the stream is its limit. */
export class Inbound implements BodySource {
  /** The body of the request. */
  readonly input: RequestInput = new RequestInput(this);
  /** The trailer lines, once they have come: names and values in turn. */
  trailers: readonly string[] = [];
  readonly #owner: InboundOwner;
  #arrived = new Arrived();
  #hasEnded = false;
  /** How much more the client may send, and how much of what it has sent waits here. */
  #window: number = FIRST_WINDOW;
  #waiting = 0;
  /** Whether what waits holds up what else may come: not once the stream is closed. */
  #isCounted = true;
  /** How much the two are together, at most. */
  #ahead: number = FIRST_WINDOW;
  /** How much of a body of known length is still to come; -1 where that is not known. */
  #missing: number;
  #expectsContinue: boolean;
  /** Whether a piece has come, or its time has begun, since it was last asked. */
  #hasMoved = false;
  /** How much more of what nobody reads is read; -1 while somebody may. */
  #discardLeft = -1;
  /** Who takes what comes, in place of the input. */
  #listener: (() => void) | undefined;

  constructor(owner: InboundOwner, contentLength: number, expectsContinue: boolean) {
    this.#owner = owner;
    this.#missing = contentLength;
    this.#expectsContinue = expectsContinue;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Takes the piece of one frame, which has `padding` bytes more. Gives an error code. */
  receive(piece: Uint8Array, padding: number): number {
    const { length } = piece;
    this.#window -= length + padding;
    if (this.#window < 0) return FLOW_CONTROL_ERROR;
    if (this.#missing >= 0) {
      this.#missing -= length;
      if (this.#missing < 0) return PROTOCOL_ERROR;
    }
    if (padding > 0) this.#renewWindow(0);
    if (length === 0) return NO_ERROR;
    this.#hasMoved = true;
    if (this.#discardLeft >= 0) this.#discard(length);
    else {
      this.#arrived.add(piece);
      this.#waiting += length;
      this.#owner.heldChanged(length, 0);
      this.#arrive();
      this.#arrived.settle();
    }
    return NO_ERROR;
  }

  /** Nothing more comes. Gives an error code. */
  end(trailers: readonly string[] = []): number {
    if (this.#missing > 0) return PROTOCOL_ERROR;
    this.trailers = trailers;
    this.#hasEnded = true;
    this.#arrive();
    return NO_ERROR;
  }

  #arrive(): void {
    if (this.#listener === undefined) this.input.arrive();
    else this.#listener();
  }

  /** Has somebody else than the input take what comes. */
  listen(listener: () => void): void {
    this.#listener = listener;
  }

  readBody(): Uint8Array | "end" | TsgiError | undefined {
    const piece = this.#arrived.take();
    if (piece === undefined) return this.#hasEnded ? "end" : undefined;
    if (!this.#isCounted) return piece;
    this.#hasMoved = true;
    this.#ahead = MOST_AHEAD;
    this.#waiting -= piece.length;
    this.#renewWindow(-piece.length);
    return piece;
  }

  /** The client is told in large steps. */
  #renewWindow(change: number): void {
    const more = this.#hasEnded ? 0 : this.#ahead - this.#window - this.#waiting;
    const isDue = more >= this.#ahead / 2;
    if (isDue) this.#window += more;
    if (isDue || change !== 0) this.#owner.heldChanged(change, isDue ? more : 0);
  }

  bodyWanted(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    if (this.#arrived.isEmpty && !this.#hasEnded) this.#owner.sendContinue();
  }

  bodyAwaited(): void {
    this.#hasMoved = true;
  }

  /** Whether a piece has come, or its time has begun, since this was last asked. */
  takeMove(): boolean {
    const hasMoved = this.#hasMoved;
    this.#hasMoved = false;
    return hasMoved;
  }

  /** Whether the client is waited for. */
  get isAwaited(): boolean {
    return this.#discardLeft >= 0 || this.input.isAwaited;
  }

  /** The client took too long. */
  expire(): void {
    if (this.#discardLeft < 0) this.input.fail(badBody("408 Request Timeout"));
    else this.#owner.stopClient();
  }

  /** The client has left: what has arrived stays. */
  collect(): void {
    if (this.#listener === undefined) this.input.collect();
  }

  /**
   * The client has reset the stream: some end it before that, though more was to come, so that end does not count any more.
   */
  cut(): void {
    this.#hasEnded = false;
  }

  clientLeft(): void {
    if (this.#listener === undefined) this.input.fail(clientGone());
    const arrived = this.#arrived;
    this.#drop();
    this.#isCounted = false;
    // What ended well may still be read.
    if (this.#hasEnded) this.#arrived = arrived;
  }

  /** The response was handed over: reads a rest that is short, and has the client stop sending one that is long. */
  discard(): void {
    const { input } = this;
    if (this.#listener === undefined && input.isComplete) return;
    input.fail(bodyDiscarded());
    if (this.#hasEnded || this.#discardLeft >= 0) return;
    this.#discardLeft = MOST_DISCARDED;
    this.#drop();
    // A client that still waits for `100 Continue` need not send its body.
    if (this.#expectsContinue) this.#owner.stopClient();
  }

  #drop(): void {
    const count = this.#waiting;
    this.#arrived = new Arrived();
    this.#waiting = 0;
    if (count > 0) this.#renewWindow(-count);
  }

  #discard(length: number): void {
    this.#renewWindow(0);
    this.#discardLeft -= length;
    if (this.#discardLeft >= 0) return;
    this.#discardLeft = 0;
    this.#owner.stopClient();
  }
}
