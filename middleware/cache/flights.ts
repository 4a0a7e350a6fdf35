/** The requests under way to the app: one for each response that is missing, for which all others wait. */

import { BoundedMap } from "../../src/bounded-map.ts";
import { Flight } from "./flight.ts";
import type { Stored } from "./stored.ts";

/** How long a URI whose response was not to be shared is asked for by each client on its own, in milliseconds. */
const APART = 60_000;

/** The longest URI that is remembered for that. */
const LONG = 2000;

export class Flights {
  readonly #wait: number;
  readonly #running = new Map<string, Flight>();
  /** Until when clients are not to wait for one another, by URI. */
  readonly #apart = new BoundedMap<string, number>(1000);

  /** `wait` is for how long anybody waits for another one's response, in milliseconds. */
  constructor(wait: number) {
    this.#wait = wait;
  }

  /** The flight that can be waited for: of an older one, the next request does not wait any more. */
  find(key: string): Flight | undefined {
    const flight = this.#running.get(key);
    return flight !== undefined && performance.now() - flight.startedAt < this.#wait ? flight : undefined;
  }

  start(key: string, uri: string): Flight {
    const flight = new Flight(key, uri);
    this.#running.set(key, flight);
    return flight;
  }

  /** Whether each client asks for a URI by itself. */
  areApart(uri: string): boolean {
    return (this.#apart.get(uri) ?? 0) > performance.now();
  }

  /** Gives all who wait what has come, or nothing: then each asks by itself. */
  land(flight: Flight | undefined, stored: Stored | undefined, vary: readonly string[] = []): void {
    if (flight === undefined) return;
    const { key, uri } = flight;
    if (this.#running.get(key) === flight) this.#running.delete(key);
    flight.land(stored && { stored, vary });
    if (stored !== undefined && this.#apart.get(uri)) this.#apart.set(uri, 0);
  }

  /** What has come is not for others, who ask by themselves for a while. */
  landApart(flight: Flight | undefined): void {
    if (flight !== undefined && flight.uri.length <= LONG) this.#apart.set(flight.uri, performance.now() + APART);
    this.land(flight, undefined);
  }

  /** Nobody joins what is under way for a URI any more. */
  forget(uri: string): void {
    for (const [key, flight] of this.#running) if (flight.uri === uri) this.#running.delete(key);
  }
}
