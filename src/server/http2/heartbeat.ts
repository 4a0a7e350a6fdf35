/** Whether a client is still there that nothing is heard of. */

import type { ServerHttp2Session } from "node:http2";
import type { Clock } from "../engine/clock.ts";

/**
 * Heartbeat asks the client of one session for an answer now and then, while an app works for it. After an error of the
 * connection Node reads no further, so nothing else would tell that the client has left.
 */
export class Heartbeat {
  readonly #clock: Clock;
  /** When the client was last heard of, or asked. */
  #since: number;
  #isAsked = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.now;
  }

  /** Asks where that is due; false where the client has not answered for as long as `limit`, in milliseconds. */
  beat(session: ServerHttp2Session, limit: number): boolean {
    if (!this.#clock.hasPassed(this.#since, limit)) return true;
    if (this.#isAsked) return false;
    this.#since = this.#clock.now;
    this.#isAsked = !session.destroyed && session.ping(() => this.#hear());
    return true;
  }

  #hear(): void {
    this.#isAsked = false;
    this.#since = this.#clock.now;
  }
}
