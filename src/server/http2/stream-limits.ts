/** The time limits of the streams of a session. */

import type { ServerHttp2Session } from "node:http2";
import type { Service } from "../engine/service.ts";
import type { StreamWriter } from "./stream-writer.ts";

/** What is known of a stream. */
interface Timing {
  /** When it began. */
  readonly begun: number;
  /** When its body came nearer. */
  bodyMoved: number;
  /** Since when some of its response waits for the client; -1 where nothing does. */
  waiting: number;
}

/** StreamLimits cuts the bodies and the responses of one session that make no progress. */
export class StreamLimits {
  readonly #service: Service;
  readonly #timings = new Map<StreamWriter, Timing>();
  /** The window of the connection, which changes with everything that is sent of a response. */
  #window = -1;
  #windowMoved = 0;

  constructor(service: Service) {
    this.#service = service;
  }

  begin(writer: StreamWriter): void {
    const { now } = this.#service.clock;
    this.#timings.set(writer, { begun: now, bodyMoved: now, waiting: -1 });
  }

  end(writer: StreamWriter): void {
    this.#timings.delete(writer);
  }

  /** Does what is due. */
  check(session: ServerHttp2Session): void {
    if (this.#timings.size === 0 || session.destroyed) return;
    for (const [writer, timing] of this.#timings) {
      // Node does not close a stream whose client has reset it amid its last write.
      if (writer.stream.closed && writer.isOver) writer.stream.destroy();
      else this.#checkBody(writer, timing);
    }
    this.#checkResponses(session);
  }

  /** A body that does not come fails the read that waits for it; an app that takes its time is left alone. */
  #checkBody({ body }: StreamWriter, timing: Timing): void {
    if (body === undefined || body.input.isComplete) return;
    const { clock, limits } = this.#service;
    if (body.takeMove()) timing.bodyMoved = clock.now;
    const isLate =
      clock.hasPassed(timing.begun, limits.requestTimeout) ||
      (body.isAwaited && clock.hasPassed(timing.bodyMoved, limits.bodyTimeout));
    if (isLate) body.expire();
  }

  /** A response that its client does not read is cut, unless the client reads others. */
  #checkResponses(session: ServerHttp2Session): void {
    const { clock, limits } = this.#service;
    const { now } = clock;
    let hasWaiting = false;
    for (const [{ stream }, timing] of this.#timings) {
      if (stream.bufferSize === 0) timing.waiting = -1;
      else {
        hasWaiting = true;
        if (timing.waiting < 0) timing.waiting = now;
      }
    }
    if (!hasWaiting) return;
    const window = session.state.remoteWindowSize ?? 0;
    if (window !== this.#window) {
      this.#window = window;
      this.#windowMoved = now;
    }
    for (const [{ stream }, { waiting }] of this.#timings) {
      if (waiting >= 0 && clock.hasPassed(Math.max(waiting, this.#windowMoved), limits.bodyTimeout)) {
        stream.destroy(new Error("the client does not read"));
      }
    }
  }
}
