/** How a balancer makes the attempts of one request. */

import { type AttemptListener, type Ending, type Failure, failure, mayRepeat, type Outcome } from "../proxy/outcome.ts";
import type { Started, Strategy } from "../proxy/run.ts";
import type { UpstreamRequest } from "../proxy/upstream-request.ts";
import { Assignment } from "./assignment.ts";
import type { Balancing } from "./balancing.ts";
import type { Choice } from "./choices.ts";
import { Contest } from "./contest.ts";
import { discard } from "./discard.ts";
import type { Peer } from "./peer.ts";

/** Methods of requests that may be sent to two targets at once. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** The first target that is chosen, and others where that fails, as long as a request may be sent again. */
export class Spread implements Strategy {
  readonly #balancing: Balancing;
  readonly #request: UpstreamRequest;
  readonly #choice: Choice;
  /** The target that the client is held to. */
  readonly #held: Peer | undefined;
  readonly #tried = new Set<Peer>();
  #current: Assignment | Contest | undefined;
  #retries = 0;
  /** Whether the current one is on a new connection, after one that was kept has turned out to be closed. */
  #isNew = false;
  /** Where the request goes next, after an answer that was refused. */
  #next: Peer | undefined;

  constructor(balancing: Balancing, request: UpstreamRequest, choice: Choice, held: Peer | undefined) {
    this.#balancing = balancing;
    this.#request = request;
    this.#choice = choice;
    this.#held = held;
    balancing.budget.request(balancing.now());
  }

  /** The target whose answer the client gets; undefined where it is none of a target. */
  get answeredBy(): Peer | undefined {
    return this.#current?.answeredBy;
  }

  get #isReplayable(): boolean {
    return this.#request.body?.isReplayable ?? true;
  }

  /** Whether it may be sent again although it was answered, or at the same time: with one of these methods. */
  #isOneOf(methods: ReadonlySet<string>): boolean {
    const { method, upgrade, body } = this.#request;
    return methods.has(method) && upgrade === undefined && (body === undefined || body.bytes !== undefined);
  }

  attempt(last: Failure | undefined, listener: AttemptListener): Started | undefined {
    if (last === undefined) return this.#begin(listener);
    const next = this.#next;
    if (next !== undefined) {
      this.#next = undefined;
      return this.#start(listener, next, false, true);
    }
    const { phase, reason, isUnsent } = last;
    const { method } = this.#request;
    if (phase === "queue" || !mayRepeat(last, method, this.#isReplayable, this.#balancing.retryMethods))
      return undefined;
    // One that takes long anywhere would take as long again.
    if (reason === "timeout" && !isUnsent && !this.#balancing.retriesTimeouts) return undefined;
    const current = this.#current as Assignment | Contest;
    const peer = current.peer as Peer;
    const isConnections = last.isStale || reason === "continue";
    if (isConnections && !this.#isNew && !peer.isDraining && peer.hasRoom) {
      return this.#start(listener, peer, true, false);
    }
    const other = this.#reserve(current);
    return other === undefined ? undefined : this.#start(listener, other, false, true);
  }

  #begin(listener: AttemptListener): Started {
    const delay = this.#isOneOf(SAFE) ? this.#balancing.hedgeDelay() : undefined;
    if (delay === undefined) return this.#start(listener, undefined, false, false);
    const watched = this.#watched(listener);
    this.#current = new Contest(
      {
        first: (own) => this.#assign(own, undefined, false, false),
        second: (own) => this.#second(own),
        isRefusal: (outcome) => this.#isRefused(outcome),
      },
      watched,
      delay,
    );
    return this.#current;
  }

  #second(listener: AttemptListener): Assignment | undefined {
    const { peers } = this.#current as Contest;
    const other = this.#balancing.other(this.#choice, new Set(peers), true);
    if (other === undefined || !this.#balancing.budget.take(this.#balancing.now())) return undefined;
    this.#balancing.hedges++;
    return this.#assign(listener, other, false, true);
  }

  /** Another target for one that has failed, taken out of the budget. */
  #reserve(failed: Assignment | Contest): Peer | undefined {
    for (const peer of failed instanceof Contest ? failed.peers : [failed.peer as Peer]) this.#tried.add(peer);
    if (this.#retries >= this.#balancing.retries) return undefined;
    const other = this.#balancing.other(this.#choice, this.#tried, false);
    if (other === undefined || !this.#balancing.budget.take(this.#balancing.now())) return undefined;
    this.#retries++;
    return other;
  }

  #start(listener: AttemptListener, peer: Peer | undefined, isNew: boolean, isBudgeted: boolean): Started {
    this.#isNew = isNew;
    const started = this.#assign(this.#watched(listener), peer, isNew, isBudgeted);
    this.#current = started;
    return started;
  }

  #assign(listener: AttemptListener, peer: Peer | undefined, isNew: boolean, isBudgeted: boolean): Assignment {
    const options = { peer, isNew, isBudgeted, held: this.#held };
    return new Assignment(this.#balancing, this.#request, this.#choice, listener, options);
  }

  #isRefused(outcome: Outcome): boolean {
    return outcome.isAnswer && this.#balancing.retryStatuses.has(outcome.status);
  }

  /** Looks at answers on their way to the client, where some of them are refused. */
  #watched(listener: AttemptListener): AttemptListener {
    const { retryStatuses, retryMethods } = this.#balancing;
    if (retryStatuses.size === 0 || !this.#isOneOf(retryMethods)) return listener;
    let isRefused = false;
    return {
      onOutcome: (outcome) => {
        const current = this.#current as Assignment | Contest;
        if (this.#isRefused(outcome) && !current.isAborted) this.#next = this.#reserve(current);
        if (this.#next === undefined) {
          listener.onOutcome(outcome);
          return;
        }
        isRefused = true;
        discard(outcome);
        listener.onOutcome(failure("head", "refused", new Error("the target has refused the request")));
      },
      onOver: (ending: Ending) => {
        if (!isRefused) listener.onOver(ending);
      },
      onInformation: (status, lines) => listener.onInformation?.(status, lines),
    };
  }
}
