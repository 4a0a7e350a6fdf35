/** A request under way to the app, for whose response others wait. */

import { clientGone } from "../../src/errors.ts";
import type { Environ } from "../../src/gateway.ts";
import type { Recording } from "./recording.ts";
import type { Stored } from "./stored.ts";

/** What a flight has brought: a response for all whose requests have the same values of what it varies by. */
export interface Landing {
  readonly stored: Stored;
  readonly vary: readonly string[];
}

export class Flight {
  readonly key: string;
  readonly uri: string;
  readonly startedAt: number = performance.now();
  readonly #waiting = new Set<(landing: Landing | undefined) => void>();
  #recording: Recording | undefined;

  /** `key` tells apart what others may wait for. */
  constructor(key: string, uri: string) {
    this.key = key;
    this.uri = uri;
  }

  /** The body that those who wait are waiting for. */
  set recording(recording: Recording) {
    this.#recording = recording;
    if (this.#waiting.size > 0) recording.readAhead();
  }

  get isRecording(): boolean {
    return this.#recording?.isRecording === true;
  }

  /** Waits for a number of milliseconds; gives nothing where each has to ask by itself. Rejects where the client leaves. */
  join(environ: Environ, wait: number): Promise<Landing | undefined> {
    return new Promise((resolve, reject) => {
      const waiter = (landing: Landing | undefined): void => {
        clearTimeout(timer);
        resolve(landing);
      };
      const leave = (settle: () => void): void => {
        if (!this.#waiting.delete(waiter)) return;
        clearTimeout(timer);
        if (this.#waiting.size === 0) this.#recording?.unwanted();
        settle();
      };
      const timer = setTimeout(() => leave(() => resolve(undefined)), Math.max(0, wait));
      this.#waiting.add(waiter);
      environ["tsgi.exchange"].onAbort?.(() => leave(() => reject(clientGone())));
      if (this.#waiting.size > 0) this.#recording?.readAhead();
    });
  }

  /** Tells all who wait what has come, or that nothing has. */
  land(landing: Landing | undefined): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const waiter of waiting) waiter(landing);
  }
}
