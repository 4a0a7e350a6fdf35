/** Whether what a client sends is read: not while the server holds it, too much waits for the client, or others have their turn. */

import type { Socket } from "node:net";
import { HIGH_WATER_MARK, type Output } from "../engine/output.ts";
import { MOST_IN_TURN } from "../engine/service.ts";

/** How much may wait for the client before no more of what it sends is read, in bytes. Of bodies, half of it waits at most. */
const MOST_UNSENT = 2 * HIGH_WATER_MARK;

/** Intake pauses the socket of one session, and goes on. */
export class Intake {
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #goOn: () => void;
  #isHeld = false;
  /** Whether what has come is not read for now. */
  isStopped = false;
  /** How many requests were run since something came last. */
  #inTurn = 0;

  /** `goOn` is called when what has come is read again. */
  constructor(socket: Socket, output: Output, goOn: () => void) {
    this.#socket = socket;
    this.#output = output;
    this.#goOn = goOn;
  }

  /** Leaves what comes in the socket, or goes on. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#listen();
  }

  #listen(): void {
    if (this.#isHeld || this.isStopped) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Something has come. */
  begin(): void {
    this.#inTurn = 0;
  }

  /** A request is run. */
  count(): void {
    this.#inTurn++;
  }

  /** Whether nothing is read for now; it goes on by itself. Heads and answers to frames are not held back by windows. */
  stops(): boolean {
    const room = this.#output.length < MOST_UNSENT ? undefined : this.#output.untilRoom();
    if (room === undefined && this.#inTurn < MOST_IN_TURN) return false;
    this.isStopped = true;
    this.#listen();
    if (room === undefined) setImmediate(() => this.#resume());
    else void room.then(() => this.#resume());
    return true;
  }

  #resume(): void {
    this.isStopped = false;
    this.begin();
    this.#goOn();
    this.#listen();
  }
}
