/** Clients of HTTP/2 that connect again when they are told to go away, and count what they have sent. */

import { setTimeout as sleep } from "node:timers/promises";
import { END_STREAM, FrameClient, GOAWAY, get, HEADERS } from "./frames.ts";

/** How many requests each of them has open. */
const STREAMS = 8;

/**
 * Http2Load sends requests without a pause. A request counts as sent when its frame was written, before the client had read a
 * GOAWAY; a server that loses nothing answers all of these.
 */
export class Http2Load {
  sent = 0;
  answered = 0;
  /** How many connections there were. */
  connections = 0;
  readonly #port: number;
  readonly #isSecure: boolean;
  #isStopped = false;
  readonly #clients: Promise<void>[];

  constructor(port: number, isSecure: boolean, clients: number) {
    this.#port = port;
    this.#isSecure = isSecure;
    this.#clients = Array.from({ length: clients }, () => this.#run());
  }

  /** Resolves when what was sent is answered, or lost. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const client = await FrameClient.open(this.#port, true, this.#isSecure).catch(() => undefined);
      // No server listens between two of them.
      if (client === undefined) await sleep(3);
      else await this.#load(client);
    }
  }

  #load(client: FrameClient): Promise<void> {
    this.connections++;
    client.answersPings = true;
    let [next, open, isTold] = [1, 0, false];
    const go = () => {
      for (; open < STREAMS && !isTold && !this.#isStopped; open++, next += 2, this.sent++) client.send(get(next));
      if (open === 0) client.socket.end();
    };
    client.onFrame = ({ type, flags, id }) => {
      if (type === GOAWAY) isTold = true;
      else if (type <= HEADERS && (flags & END_STREAM) !== 0 && id > 0) {
        open--;
        this.answered++;
      } else return;
      go();
    };
    go();
    return new Promise((resolve) => client.socket.once("close", () => resolve()));
  }
}
