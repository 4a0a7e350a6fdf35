/** The streams of a session that an app is run for, and their time limits. */

import type { ServerHttp2Session } from "node:http2";
import type { Service } from "../engine/service.ts";
import type { StreamWriter } from "./stream-writer.ts";

const NO_ERROR = 0;

/** StreamList knows the streams of one session; it cuts bodies and responses that make no progress. */
export class StreamList {
  readonly #service: Service;
  /** A set would be built anew again and again, as streams come and go. */
  readonly #writers: StreamWriter[] = [];
  /** The window of the connection, which changes with all that is sent of responses, and when that was. */
  #window = -1;
  #windowMoved = 0;

  constructor(service: Service) {
    this.#service = service;
  }

  get all(): readonly StreamWriter[] {
    return this.#writers;
  }

  add(writer: StreamWriter): void {
    const { now } = this.#service.clock;
    writer.begun = now;
    writer.bodyMoved = now;
    writer.place = this.#writers.length;
    this.#writers.push(writer);
  }

  /** Forgets a stream; the last one takes its place. */
  remove(writer: StreamWriter): void {
    const { place } = writer;
    writer.place = -1;
    const last = this.#writers.pop();
    if (last === undefined || last === writer) return;
    this.#writers[place] = last;
    last.place = place;
  }

  /** Does what is due. */
  check(session: ServerHttp2Session): void {
    if (this.#writers.length === 0 || session.destroyed) return;
    for (const writer of [...this.#writers]) {
      // Node does not close a stream whose client has reset it amid its last write; one that we close waits for its response.
      if (writer.stream.closed && writer.stream.rstCode !== NO_ERROR && writer.isOver) writer.stream.destroy();
      else this.#checkBody(writer);
    }
    this.#checkResponses(session);
  }

  /** A body that does not come fails the read that waits for it; an app that takes its time is left alone. */
  #checkBody(writer: StreamWriter): void {
    const { body } = writer;
    if (body === undefined || body.input.isComplete) return;
    const { clock, limits } = this.#service;
    if (body.takeMove()) writer.bodyMoved = clock.now;
    const isLate =
      clock.hasPassed(writer.begun, limits.requestTimeout) ||
      (body.isAwaited && clock.hasPassed(writer.bodyMoved, limits.bodyTimeout));
    if (isLate) body.expire();
  }

  /** A response that its client does not read is cut, unless the client reads others. */
  #checkResponses(session: ServerHttp2Session): void {
    const { clock, limits } = this.#service;
    const { now } = clock;
    for (const writer of this.#writers) {
      if (writer.isTaken || writer.stream.bufferSize === 0) writer.waiting = -1;
      else if (writer.waiting < 0) writer.waiting = now;
    }
    const waiting = this.#writers.filter((writer) => writer.waiting >= 0);
    if (waiting.length === 0) return;
    const window = session.state.remoteWindowSize ?? 0;
    if (window !== this.#window) {
      this.#window = window;
      this.#windowMoved = now;
    }
    for (const writer of waiting) {
      const since = Math.max(writer.waiting, this.#windowMoved);
      if (clock.hasPassed(since, limits.bodyTimeout)) writer.stream.destroy(new Error("the client does not read"));
    }
  }
}
