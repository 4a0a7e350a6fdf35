/** What all requests of one balancer have in common: its targets, who waits for them, and what may be tried again. */

import { reportError } from "../../src/exchange/report.ts";
import type { Environ } from "../../src/gateway.ts";
import { immediate } from "../../src/immediate.ts";
import { isTargetFailure, type Outcome } from "../proxy/outcome.ts";
import type { AttemptLimits } from "../proxy/reception.ts";
import { byKey, byLatency, type Choice, leastInFlight, roundRobin } from "./choices.ts";
import type { Peer, PeerSettings } from "./peer.ts";
import { Peers } from "./peers.ts";
import { percentilesOf } from "./percentiles.ts";
import { RetryBudget } from "./retry-budget.ts";
import { WaitingRoom } from "./waiting-room.ts";

/** A target as a function of one's own sees it. */
export interface BalancerCandidate {
  readonly url: string;
  readonly weight: number;
  /** How many requests are under way there. */
  readonly inFlight: number;
  /** What the head of a response is expected to take, in milliseconds. */
  readonly latency: number;
}

/** How a target is chosen. */
export type Balance =
  | "latency"
  | "leastInFlight"
  | "roundRobin"
  | { readonly key: (environ: Environ) => string }
  | ((environ: Environ, targets: readonly BalancerCandidate[]) => string | undefined);

export interface BalancingSettings {
  readonly peers: PeerSettings;
  readonly limits: AttemptLimits;
  readonly balance: Balance;
  readonly retries: number;
  readonly retryMethods: readonly string[];
  readonly retryOn: readonly (number | "timeout")[];
  /** After how long a second target is asked, `true` for a time that is found out. */
  readonly hedge: boolean | number;
  /** Percent of the requests. */
  readonly retryBudget: number;
  readonly queue: number;
  readonly queueTimeout: number;
}

/** A trial of a target that was ejected is a request that may be sent twice, unless none has come for so long, in milliseconds. */
const TRIAL_PATIENCE = 10_000;

/** From how many responses on it is known how long they take. */
const ENOUGH = 20;

/** How long that is believed, in milliseconds. */
const HEDGE_DELAY_LASTS = 1000;

/** Responses that a gateway gives in place of an app. */
const GATEWAY_FAILURES: ReadonlySet<number> = new Set([502, 503, 504]);

export class Balancing {
  readonly peers: Peers;
  readonly room: WaitingRoom;
  readonly budget: RetryBudget;
  readonly limits: AttemptLimits;
  readonly retries: number;
  /** Requests that may be sent twice, by their method. */
  readonly retryMethods: ReadonlySet<string>;
  readonly retriesTimeouts: boolean;
  readonly retryStatuses: ReadonlySet<number>;
  /** How many requests were sent to a second target because the first one took long. */
  hedges = 0;
  /** Why there is no newer list of targets. */
  sourceError: unknown;
  /** Whether the first list of targets is still to come. */
  isAwaitingTargets = false;
  readonly #balance: Balance;
  readonly #hedge: boolean | number;
  readonly #onEvent: PeerSettings["onEvent"];
  #hedgeDelay: number | undefined;
  #hedgeDelayUntil = Number.NEGATIVE_INFINITY;

  constructor(settings: BalancingSettings) {
    const { peers, limits, balance, retries, retryMethods, retryOn, hedge, retryBudget, queue, queueTimeout } =
      settings;
    this.room = new WaitingRoom(queue, queueTimeout);
    this.budget = new RetryBudget(retryBudget);
    this.limits = limits;
    this.retries = retries;
    this.retryMethods = new Set(retryMethods);
    this.retriesTimeouts = retryOn.includes("timeout");
    this.retryStatuses = new Set(retryOn.filter((each) => typeof each === "number"));
    this.#hedge = hedge;
    this.#onEvent = peers.onEvent;
    this.#balance = atOnce(balance);
    this.peers = new Peers(peers, () => this.#callWaiters());
  }

  now(): number {
    return performance.now();
  }

  #callWaiters(): void {
    if (this.room.size > 0) this.room.call(() => this.peers.eligible(this.now()).some(({ hasRoom }) => hasRoom));
  }

  /** How the target of a request is chosen. What `key` throws goes to the caller. */
  choiceOf(environ: Environ): Choice {
    const balance = this.#balance;
    if (balance === "latency") return byLatency;
    if (balance === "leastInFlight") return leastInFlight;
    if (balance === "roundRobin") return roundRobin;
    return typeof balance === "function" ? byFunction(balance, environ) : byKey(String(balance.key(environ)));
  }

  /** The first target of a request; undefined where none has room. */
  first(choice: Choice, isRepeatable: boolean, held: Peer | undefined): Peer | undefined {
    const now = this.now();
    if (held?.hasRoom && this.isOpen(held, now)) return held;
    for (const peer of this.peers.trials(now)) {
      const isDue = isRepeatable || now - peer.ejection.until > TRIAL_PATIENCE;
      if (isDue && !peer.isOnTrial && peer.hasRoom) return peer;
    }
    const eligible = this.peers.eligible(now);
    if (eligible.length === 0) return undefined;
    // Nearly always there is room: only where not, the others are looked at.
    const chosen = choice(eligible, now);
    if (chosen.hasRoom) return chosen;
    const open = eligible.filter(({ hasRoom }) => hasRoom);
    return open.length === 0 ? undefined : choice(open, now);
  }

  /** Whether a target gets requests of clients that are held to it: also with the weight 0, which only others do not come to. */
  isOpen(peer: Peer, now: number): boolean {
    if (peer.isDraining) return false;
    return peer.isWell(now) || this.peers.eligible(now).includes(peer);
  }

  /** Another target of a request; any will do better than none, unless it has to be one that is well. */
  other(choice: Choice, tried: ReadonlySet<Peer>, isWell: boolean): Peer | undefined {
    const now = this.now();
    const mayTry = (peer: Peer): boolean => !tried.has(peer) && peer.hasRoom && peer.weight > 0;
    const open = this.peers.eligible(now).filter(mayTry);
    const any = open.length > 0 || isWell ? open : this.peers.all.filter(mayTry);
    return any.length === 0 ? undefined : choice(any, now);
  }

  /** What an outcome says of a target. `isTimed`: whether it was the target that took the time. */
  judge(peer: Peer, outcome: Outcome, began: number, isTimed: boolean): void {
    const now = this.now();
    if (!outcome.isAnswer) {
      if (isTargetFailure(outcome)) this.failed(peer);
      return;
    }
    peer.answers++;
    if (isTimed) {
      peer.latency.observe(now - began, now);
      peer.percentiles.observe(now - began, now);
    }
    if (GATEWAY_FAILURES.has(outcome.status)) this.failed(peer);
    else if (peer.ejection.standing(now) !== "in") this.succeeded(peer, began);
  }

  /** Nobody has waited for the head any longer: it would have taken at least so long. */
  givenUp(peer: Peer, began: number, isTimed: boolean): void {
    const now = this.now();
    if (isTimed && now - began > peer.latency.at(now)) peer.latency.observe(now - began, now);
  }

  /** After how long a second target is asked; undefined where none is. */
  hedgeDelay(): number | undefined {
    if (typeof this.#hedge === "number") return this.#hedge;
    if (!this.#hedge) return undefined;
    const now = this.now();
    if (this.#hedgeDelay === undefined || now >= this.#hedgeDelayUntil) {
      const all = this.peers.all.map(({ percentiles }) => percentiles);
      this.#hedgeDelay = percentilesOf(all, [95], now, ENOUGH)?.[0];
      this.#hedgeDelayUntil = now + HEDGE_DELAY_LASTS;
    }
    return this.#hedgeDelay;
  }

  failed(peer: Peer): void {
    const now = this.now();
    peer.failures++;
    peer.latency.penalize(now);
    if (peer.ejection.failed(now, () => this.peers.mayLeave(peer, now))) {
      this.peers.changed();
      this.#onEvent("ejected", peer);
    }
  }

  succeeded(peer: Peer, began: number): void {
    if (!peer.ejection.succeeded(began)) return;
    this.peers.rejoin(peer, this.now());
    this.#onEvent("readmitted", peer);
  }
}

/** Targets are chosen at once. */
function atOnce(balance: Balance): Balance {
  if (typeof balance === "string") return balance;
  if (typeof balance === "function") return immediate("balance of balancer", balance);
  return { ...balance, key: immediate("key of balancer", balance.key) };
}

/** What the function throws is reported, and the target chosen by latency. */
function byFunction(
  choose: (environ: Environ, targets: readonly BalancerCandidate[]) => string | undefined,
  environ: Environ,
): Choice {
  return (peers, now) => {
    try {
      const chosen = choose(
        environ,
        peers.map(({ target, weight, pool, latency }) => ({
          url: target.url,
          weight,
          inFlight: pool.busy,
          latency: latency.at(now),
        })),
      );
      const peer = peers.find(({ target }) => target.url === chosen);
      if (peer !== undefined) return peer;
    } catch (error) {
      reportError(environ, error);
    }
    return byLatency(peers, now);
  };
}
