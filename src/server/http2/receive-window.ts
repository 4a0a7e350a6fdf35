/** How much a client may send on all streams of a connection together (RFC 9113 §5.2). */

import { FIRST_WINDOW } from "./frames.ts";

/** How large the window is kept, in bytes, and how much of what has come may wait for apps beyond that. */
const WINDOW = 1024 * 1024;
const MOST_HELD = 4 * 1024 * 1024;

/** ReceiveWindow is renewed as bytes come: what waits for one app keeps nobody else from sending, unless it is very much. */
export class ReceiveWindow {
  /** How much more the client may send, and how much of what it has sent waits. */
  #left: number = FIRST_WINDOW;
  #held = 0;

  /** So much has come; false where that is more than it may be. */
  take(length: number): boolean {
    this.#left -= length;
    return this.#left >= 0;
  }

  /** So many bytes more wait for apps, or fewer. */
  hold(change: number): void {
    this.#held += change;
  }

  /** How much more the client is to be told of; 0 where there is no hurry. */
  renew(): number {
    const more = WINDOW - this.#left;
    if (more < WINDOW / 2 || this.#held > MOST_HELD) return 0;
    this.#left += more;
    return more;
  }
}
