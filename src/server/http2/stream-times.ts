/** The time limits of the streams of one connection. */

import type { Service } from "../engine/service.ts";
import { CANCEL } from "./frames.ts";
import type { Stream } from "./stream.ts";

/** StreamTimes cuts bodies and responses that make no progress. */
export class StreamTimes {
  readonly #service: Service;
  /** How often something of a response had been sent when that was last looked at, and since when no more is. */
  #progress = 0;
  #since = 0;

  constructor(service: Service) {
    this.#service = service;
  }

  /** Does what is due; `progress` counts what is sent of responses. */
  check(streams: Iterable<Stream>, progress: number): void {
    if (progress !== this.#progress) {
      this.#progress = progress;
      this.#since = this.#service.clock.now;
    }
    for (const stream of [...streams]) {
      this.#checkBody(stream);
      this.#checkResponse(stream);
    }
  }

  /** A body that does not come fails the read that waits for it; an app that takes its time is left alone. */
  #checkBody(stream: Stream): void {
    const { inbound } = stream;
    if (inbound === undefined || inbound.hasEnded || stream.isTaken || stream.isClosed) return;
    const { clock, limits } = this.#service;
    if (inbound.takeMove()) stream.bodyMoved = clock.now;
    const isLate =
      clock.hasPassed(stream.begun, limits.requestTimeout) ||
      (inbound.isAwaited && clock.hasPassed(stream.bodyMoved, limits.bodyTimeout));
    if (isLate) inbound.expire();
  }

  /** A response that its client does not read is cut, unless the client reads others. */
  #checkResponse(stream: Stream): void {
    const { clock, limits } = this.#service;
    if (stream.isTaken || stream.outbound.length === 0) stream.waiting = -1;
    else if (stream.waiting < 0) stream.waiting = clock.now;
    else if (clock.hasPassed(Math.max(stream.waiting, this.#since), limits.bodyTimeout)) stream.reset(CANCEL);
  }
}
