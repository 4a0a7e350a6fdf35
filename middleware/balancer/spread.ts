/** How a balancer makes the attempts of one request. */

import { type AttemptListener, type Failure, mayRepeat } from "../proxy/outcome.ts";
import type { Started, Strategy } from "../proxy/run.ts";
import type { UpstreamRequest } from "../proxy/upstream-request.ts";
import { Assignment } from "./assignment.ts";
import type { Balancing } from "./balancing.ts";
import type { Choice } from "./choices.ts";
import type { Peer } from "./peer.ts";

/** The first target that is chosen, and others where that fails, as long as a request may be sent again. */
export class Spread implements Strategy {
  readonly #balancing: Balancing;
  readonly #request: UpstreamRequest;
  readonly #choice: Choice;
  readonly #tried = new Set<Peer>();
  #current: Assignment | undefined;
  #retries = 0;
  /** Whether the current one is on a new connection, after one that was kept has turned out to be closed. */
  #isNew = false;

  constructor(balancing: Balancing, request: UpstreamRequest, choice: Choice) {
    this.#balancing = balancing;
    this.#request = request;
    this.#choice = choice;
    balancing.budget.request(balancing.now());
  }

  attempt(last: Failure | undefined, listener: AttemptListener): Started | undefined {
    if (last === undefined) return this.#start(listener, undefined, false, false);
    const { method, body } = this.#request;
    const { phase, reason, isUnsent } = last;
    if (phase === "queue" || !mayRepeat(last, method, body?.isReplayable ?? true)) return undefined;
    // One that takes long anywhere would take as long again.
    if (reason === "timeout" && !isUnsent) return undefined;
    const peer = this.#current?.peer as Peer;
    const isConnections = last.isStale || reason === "continue";
    if (isConnections && !this.#isNew && !peer.isDraining && peer.hasRoom) {
      return this.#start(listener, peer, true, false);
    }
    this.#tried.add(peer);
    if (this.#retries >= this.#balancing.retries) return undefined;
    const other = this.#balancing.other(this.#choice, this.#tried);
    if (other === undefined || !this.#balancing.budget.take(this.#balancing.now())) return undefined;
    this.#retries++;
    return this.#start(listener, other, false, true);
  }

  #start(listener: AttemptListener, peer: Peer | undefined, isNew: boolean, isBudgeted: boolean): Assignment {
    this.#isNew = isNew;
    const options = { peer, isNew, isBudgeted };
    this.#current = new Assignment(this.#balancing, this.#request, this.#choice, listener, options);
    return this.#current;
  }
}
