/** All sockets of a supervisor: what each worker inherits of them, and connections that are handed over. */

import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ListenOptions } from "../server/options.ts";
import type { Start } from "./messages.ts";
import { bindPlace, type InheritedPlace, inheritedPlace, type PlaceSockets } from "./place-sockets.ts";
import type { Events } from "./status.ts";
import { FIRST_DESCRIPTOR, type HandedConnection, type Worker } from "./worker.ts";

/** How often a worker can adopt each slot. */
const ADOPTIONS = 3;

/** While no connection comes for so long, nobody connects; in milliseconds. */
const QUIET = 50;
const MOST_QUIET = 500;

/** What a new supervisor goes on with. */
export interface Inherited {
  readonly places: readonly InheritedPlace[];
  readonly ticketKeys: Uint8Array;
  /** The descriptor of the status listener, where the former supervisor has inherited it too; else its port, if it has one. */
  readonly statusFd: number | undefined;
  readonly statusPort: number | undefined;
  /** What has happened so far. */
  readonly events: Events;
}

/** What a worker is given of the sockets: descriptors, and what they are. */
export interface Inheritance extends Pick<Start, "places" | "spares"> {
  readonly descriptors: readonly number[];
}

/** Sockets holds the sockets of all places, and closes them. */
export class Sockets {
  readonly #places: PlaceSockets[] = [];
  /** Those of them that were not inherited. */
  readonly #bound: PlaceSockets[] = [];
  /** The workers that connections can be handed to: those that serve, else those that are leaving. */
  readonly #takers: () => readonly Worker[];
  readonly #log: (line: string) => void;
  /** The worker that takes what has waited for another one of a slot. */
  readonly #heirOf: (slot: number) => Worker | undefined;
  /** Connections that wait for any worker, and those that wait for the one that takes over from another. */
  readonly #waiting: Omit<HandedConnection, "origin">[] = [];
  #left: HandedConnection[] = [];
  #turn = 0;
  #lastConnection = 0;
  #isClosed = false;
  /** Why connections were not accepted, as far as it was said. */
  readonly #said = new Set<string>();

  /** `log` hears what goes wrong later. */
  constructor(
    takers: () => readonly Worker[],
    log: (line: string) => void,
    heirOf: (slot: number) => Worker | undefined = () => takers()[0],
  ) {
    this.#takers = takers;
    this.#log = log;
    this.#heirOf = heirOf;
  }

  /** Binds all places, or goes on with those of a former supervisor. Rejects as `bindPlace` does, and holds nothing then. */
  async open(places: readonly ListenOptions[], slots: number, backlog: number, inherited?: Inherited): Promise<void> {
    const unused = new Set(inherited?.places);
    try {
      for (const [index, place] of places.entries()) {
        const onConnection = (socket: Socket) => this.#onConnection(index, socket);
        const passedOn = inherited?.places.find((each, at) => isPlace(place, each, at === index));
        let opened: PlaceSockets;
        if (passedOn === undefined) {
          opened = await bindPlace(place, slots, backlog, onConnection);
          this.#bound.push(opened);
        } else {
          opened = inheritedPlace(passedOn, onConnection);
          unused.delete(passedOn);
        }
        this.#places.push(opened);
        for (const each of opened.descriptors) if (typeof each !== "number") each.on("error", this.#onRefused);
      }
      // Whoever connects there would wait for ever.
      for (const each of unused) inheritedPlace(each, (socket) => socket.destroy()).close();
    } catch (error) {
      await this.abandon();
      throw error;
    }
  }

  /** Holds nothing any more, as if it had not been opened: what was inherited stays for the one that it is from. */
  async abandon(): Promise<void> {
    this.close();
    await Promise.all(this.#bound.map((place) => place.remove()));
  }

  /** A connection could not be accepted, for want of descriptors: without a listener, that would end the process. */
  readonly #onRefused = ({ message }: Error): void => {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#log(`a connection was not accepted: ${message}`);
  };

  /** What the worker of a slot inherits: its sockets, and those of the other slots, which it may adopt. */
  inheritanceOf(slot: number, slots: number): Inheritance {
    const descriptors: number[] = [];
    const inherit = (fd: number | undefined): number =>
      fd === undefined ? -1 : FIRST_DESCRIPTOR + descriptors.push(fd) - 1;
    const places = this.#places.map((place) => {
      const fd = inherit(place.fd(slot));
      return { address: place.address, fd: fd < 0 ? undefined : fd };
    });
    const spares: Record<number, number[][]> = {};
    const hasSpares = this.#places.some(({ hasOwn }) => hasOwn);
    for (let other = 0; hasSpares && other < slots; other++) {
      if (other === slot) continue;
      spares[other] = Array.from({ length: ADOPTIONS }, () =>
        this.#places.map((place) => inherit(place.hasOwn ? place.fd(other) : undefined)),
      );
    }
    return { places, spares, descriptors };
  }

  /** What a new supervisor is to go on with. */
  get passedOn(): { places: PlaceSockets["inherited"][]; descriptors: PlaceSockets["descriptors"][] } {
    return {
      places: this.#places.map(({ inherited }) => inherited),
      descriptors: this.#places.map(({ descriptors }) => descriptors),
    };
  }

  #onConnection(place: number, socket: Socket): void {
    this.#lastConnection = performance.now();
    // A client that leaves before a worker has its connection.
    socket.on("error", () => {});
    this.#waiting.push({ place, socket });
    this.#handWaiting();
  }

  /** Hands what waits to workers, and what was taken back from one to the one that takes over from it. */
  hand(takenBack: readonly HandedConnection[] = []): void {
    this.#handWaiting();
    const left = [...this.#left, ...takenBack];
    this.#left = [];
    for (const connection of left) {
      const { place, socket, origin } = connection;
      const heir = this.#heirOf(origin);
      if (heir !== undefined) heir.hand(place, socket, origin);
      else if (this.#isClosed) socket.destroy();
      else this.#left.push(connection);
    }
  }

  /** Hands connections that nobody has had yet to the workers in turn. */
  #handWaiting(): void {
    const takers = this.#takers();
    if (takers.length === 0 && !this.#isClosed) return;
    for (const { place, socket } of this.#waiting.splice(0)) {
      const worker = takers[this.#turn++ % takers.length];
      if (worker !== undefined) worker.hand(place, socket);
      else socket.destroy();
    }
  }

  /**
   * How long workers have to take connections after the sockets are to be closed, in milliseconds: those that were accepted here
   * and are on their way to them.
   */
  get handingTime(): number {
    return this.#isHanding ? MOST_QUIET + QUIET : 0;
  }

  get #isHanding(): boolean {
    return this.#places.some(({ inherited }) => inherited.isHanded);
  }

  /** Closes the sockets after a delay; workers that have them open too go on, and so does a supervisor that was given them. */
  async closeAfter(delay: number, isReplaced: boolean): Promise<void> {
    if (delay > 0) await sleep(delay);
    // Connections that the kernel has accepted are reset: so that is done when none have come for a moment.
    const end = performance.now() + MOST_QUIET;
    if (this.#isHanding && !isReplaced) {
      do await sleep(QUIET);
      while (performance.now() - this.#lastConnection < QUIET && performance.now() < end);
    }
    this.close();
  }

  /** Closes the sockets at once. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const place of this.#places) place.close();
    for (const { socket } of [...this.#waiting.splice(0), ...this.#left.splice(0)]) socket.destroy();
  }

  /** Removes what the places leave in the file system. */
  async remove(): Promise<void> {
    await Promise.all(this.#places.map((place) => place.remove()));
  }
}

/** Whether sockets that were passed on are those of a place. What was inherited as a descriptor is known by its order alone. */
function isPlace(
  { host = "127.0.0.1", port, unix, fd }: ListenOptions,
  { address }: InheritedPlace,
  isSame: boolean,
): boolean {
  if (address === undefined || fd !== undefined) return address === undefined && fd !== undefined && isSame;
  if ("socket" in address) return address.socket === `unix:${unix}`;
  // Of a port that was to be any, there is no more to know than its order.
  return unix === undefined && address.name === host && (port === 0 ? isSame : address.port === (port ?? 8000));
}
