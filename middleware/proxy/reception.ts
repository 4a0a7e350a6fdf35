/** One attempt as its listener sees it, whichever transport carries it: the time limits, the head, the body, the end. */

import {
  type AttemptListener,
  type Ending,
  type Failure,
  failure,
  type Phase,
  type Reason,
  type Switched,
  type Trailing,
} from "./outcome.ts";
import { type BodySource, cutResponse, ResponseBody } from "./response-body.ts";

/** How long a target may take, in milliseconds; 0 for any time. */
export interface AttemptLimits {
  /** For the head, from the end of the request. */
  readonly headTimeout: number;
  /** Between two pieces of the body. Event streams are not limited. */
  readonly bodyTimeout: number;
}

/** What carries the attempt. */
export interface Carrier {
  /** Whether the connection was given up already, of which the reason is still to come. */
  readonly isBroken: boolean;
  pause(): void;
  resume(): void;
  /** Ends the request: nobody is interested any more. */
  cancel(error: Error): void;
}

/** RFC 9110 §15.2 lets a target send any number. */
const MOST_INFORMATIONAL = 16;

const NO_LINES: readonly string[] = [];

interface Head {
  readonly status: number;
  readonly reason: string;
  readonly lines: readonly string[];
  readonly version: string;
}

/** Reception turns what a transport gets into one outcome, a body and an end. */
export class Reception implements BodySource, Trailing {
  readonly #limits: AttemptLimits;
  readonly #listener: AttemptListener;
  readonly #carrier: Carrier;
  #timer: NodeJS.Timeout | undefined;
  #head: Head | undefined;
  #body: ResponseBody | undefined;
  #failure: Failure | undefined;
  #informational = 0;
  trailers: readonly string[] = NO_LINES;
  /** Whether the listener has its outcome. */
  #isSettled = false;
  #isSettling = false;
  /** Whether the transport has no more to do. */
  #isOver = false;
  #ending: Ending = "whole";

  constructor(limits: AttemptLimits, listener: AttemptListener, carrier: Carrier) {
    this.#limits = limits;
    this.#listener = listener;
    this.#carrier = carrier;
  }

  /** Whether nothing is to come any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get hasHead(): boolean {
    return this.#head !== undefined;
  }

  /** From now on the target has to answer. */
  awaitHead(): void {
    if (this.#head !== undefined || this.#isOver || this.#limits.headTimeout === 0) return;
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#tooLate("head"), this.#limits.headTimeout);
    } else this.#timer.refresh();
  }

  /** It is the client that the target waits for. */
  excuse(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tooLate(phase: Phase): void {
    this.refuse(phase, "timeout", new Error(`the target took too long: ${phase}`));
  }

  /** Gives the target up, for a reason of ours. */
  refuse(phase: Phase, reason: Reason, error: Error): void {
    this.fail(failure(phase, reason, error));
    this.#carrier.cancel(error);
  }

  inform(status: number, lines: readonly string[]): void {
    if (this.#isOver) return;
    if (++this.#informational > MOST_INFORMATIONAL) {
      this.refuse("head", "malformed", new Error("the target sends informational responses without end"));
    } else this.#listener.onInformation?.(status, lines);
  }

  /** The head has come. What else came with it comes before the listener is told; nothing does where `isAll` is true. */
  begin(head: Head, isAll = false): void {
    if (this.#isOver) return;
    this.excuse();
    if (head.status > 599) {
      this.refuse("head", "malformed", new Error(`the target answered with the status ${head.status}`));
      return;
    }
    if (!isCodedAsKnown(head.lines)) {
      this.refuse("head", "malformed", new Error("the target has coded its response in an unknown way"));
      return;
    }
    this.#head = head;
    this.#body = new ResponseBody(this, isEventStream(head.lines) ? 0 : this.#limits.bodyTimeout);
    if (isAll) this.#body.end();
    this.#settleSoon();
  }

  data(piece: Uint8Array): void {
    if (!this.#isOver) this.#body?.push(piece);
  }

  /** The response is complete. */
  end(trailers: readonly string[] = NO_LINES): void {
    if (this.#isOver) return;
    this.trailers = trailers;
    this.#finish("whole");
    this.#body?.end();
    if (!this.#isSettled) this.#settleSoon();
  }

  /** There is no response, or no more of it. */
  fail(failed: Failure): void {
    if (this.#isOver) return;
    this.#finish("cut");
    if (this.#isSettled || this.#body?.whole !== undefined)
      this.#body?.fail(isOfClient(failed) ? failed.error : cutResponse(failed.error));
    else {
      this.#failure = failed;
      this.#settleSoon();
    }
  }

  /** The target has switched protocols. Tells whether there is still somebody who waits for it. */
  switch(switched: Switched): boolean {
    if (this.#isOver || this.#isSettling || this.#listener.onSwitch === undefined) return false;
    this.excuse();
    this.#isSettling = true;
    this.#isSettled = true;
    this.#listener.onSwitch(switched);
    return true;
  }

  pause(): void {
    this.#carrier.pause();
  }

  resume(): void {
    this.#carrier.resume();
  }

  stalled(): void {
    this.#tooLate("body");
  }

  drop(): void {
    if (this.#isOver) return;
    this.#finish("dropped");
    this.#carrier.cancel(new Error("the response is not read any more"));
  }

  #finish(ending: Ending): void {
    this.excuse();
    this.#isOver = true;
    this.#ending = ending;
    if (this.#isSettled) this.#listener.onOver(ending);
  }

  #settleSoon(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    queueMicrotask(() => this.#settle());
  }

  #settle(): void {
    if (!this.#isOver && this.#carrier.isBroken && this.#body?.whole === undefined) {
      // What has come with the head is malformed: nothing of it need be sent.
      this.#isSettling = false;
      return;
    }
    this.#isSettled = true;
    if (this.#failure !== undefined) {
      this.#listener.onOutcome(this.#failure);
      return;
    }
    const body = this.#body as ResponseBody;
    const { status, reason, lines, version } = this.#head as Head;
    const { whole, asBody, isQuiet } = body;
    this.#listener.onOutcome({
      isAnswer: true,
      status,
      reason,
      lines,
      version,
      body: whole ?? asBody,
      isQuiet,
      trailing: this,
    });
    if (this.#isOver) this.#listener.onOver(this.#ending);
  }
}

/** Whether it is not the target that has failed, but who waits for it. */
function isOfClient({ reason }: Failure): boolean {
  return reason === "aborted" || reason === "upload";
}

/**
 * Whether chunks are all that the body is coded in: of any other coding the parsers take the coded bytes for the body (RFC 9112 §6.1).
 * `identity` is of an older standard, and says that it is not coded.
 */
function isCodedAsKnown(lines: readonly string[]): boolean {
  let count = 0;
  for (let index = 0; index < lines.length; index += 2) {
    const name = lines[index] as string;
    if (name.length !== 17 || name.toLowerCase() !== "transfer-encoding") continue;
    if (++count > 1 || !/^(?:chunked|identity)$/i.test(lines[index + 1] as string)) return false;
  }
  return true;
}

/** An event stream may be quiet for hours. */
function isEventStream(lines: readonly string[]): boolean {
  for (let index = 0; index < lines.length; index += 2) {
    const name = lines[index] as string;
    if (name.length === 12 && name.toLowerCase() === "content-type") {
      return /^text\/event-stream\b/i.test(lines[index + 1] as string);
    }
  }
  return false;
}
