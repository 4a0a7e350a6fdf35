/** The exchange that an inner app is given in place of the server's: with a departure of its own. */

import type { Environ, Exchange, ExchangeEnd, HeaderList, StatusLine, TakeUpgrade } from "../gateway.ts";
import { Departure } from "./departure.ts";
import type { Traced } from "./innermost.ts";
import { reportError } from "./report.ts";

/**
 * Does what the exchange of an environ does, except that `signal` and `onAbort` also tell of `leave`, and that `onFlush` is
 * called for each `flush`, after which the flush is passed on where it gives true.
 */
export class InnerExchange implements Exchange, Traced {
  readonly #outer: Exchange;
  readonly #departure: Departure;
  readonly #onFlush: () => boolean;

  constructor(environ: Environ, onFlush: () => boolean) {
    this.#outer = environ["tsgi.exchange"];
    this.#onFlush = onFlush;
    this.#departure = new Departure((error) => reportError(environ, error));
    this.#outer.onAbort?.(() => this.#departure.leave());
  }

  /** Tells the app that nobody waits for it any more. */
  leave(): void {
    this.#departure.leave();
  }

  get signal(): AbortSignal {
    return this.#departure.signal;
  }

  onAbort(callback: () => void): void {
    this.#departure.add(callback);
  }

  flush(): void {
    if (this.#onFlush()) this.#outer.flush?.();
  }

  get headers(): HeaderList | undefined {
    return this.#outer.headers;
  }

  get trailers(): HeaderList | undefined {
    return this.#outer.trailers;
  }

  onEnd(callback: (end: ExchangeEnd) => void): void {
    this.#outer.onEnd?.(callback);
  }

  get inform(): ((status: StatusLine, headers: HeaderList) => void) | undefined {
    return this.#outer.inform;
  }

  get addTrailers(): Exchange["addTrailers"] {
    return this.#outer.addTrailers;
  }

  get server(): object | undefined {
    return this.#outer.server;
  }

  get upgrade(): (() => object) | undefined {
    return this.#outer.upgrade;
  }

  get isUpgraded(): boolean | undefined {
    return this.#outer.isUpgraded;
  }

  get onUpgrade(): ((take: TakeUpgrade) => void) | undefined {
    return this.#outer.onUpgrade;
  }

  get awaitsUpgrade(): boolean | undefined {
    return this.#outer.awaitsUpgrade;
  }

  get onServerClose(): Exchange["onServerClose"] {
    return this.#outer.onServerClose;
  }

  get reporter(): Exchange["reporter"] {
    return this.#outer.reporter;
  }

  report(error: unknown): void {
    this.#outer.report?.(error);
  }

  get innermost(): Environ | undefined {
    return (this.#outer as Partial<Traced>).innermost;
  }

  set innermost(environ: Environ | undefined) {
    (this.#outer as Partial<Traced>).innermost = environ;
  }

  get innermostRoute(): string | undefined {
    return (this.#outer as Partial<Traced>).innermostRoute;
  }

  set innermostRoute(route: string | undefined) {
    (this.#outer as Partial<Traced>).innermostRoute = route;
  }

  get chosen(): Traced["chosen"] {
    return (this.#outer as Partial<Traced>).chosen as Traced["chosen"];
  }

  set chosen(chosen: Traced["chosen"]) {
    (this.#outer as Partial<Traced>).chosen = chosen;
  }
}
