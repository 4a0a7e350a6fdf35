/** What the targets of a balancer are doing, for programs and people. */

import type { Balancing } from "./balancing.ts";
import type { Peer } from "./peer.ts";
import { percentilesOf } from "./percentiles.ts";
import type { ProbeRecord } from "./probe.ts";

/**
 * Whether a target gets requests: `in`, it does; `out`, it is ejected; `trial`, the next request tries it; `down`, its probes
 * fail; `draining`, it finishes
 * what is under way.
 */
export type BalancerState = "in" | "out" | "trial" | "down" | "draining";

/** What one target is doing. */
export interface BalancerTargetStatus {
  readonly url: string;
  /** Where it is, if the name in its URL has several addresses. */
  readonly address: string | undefined;
  readonly state: BalancerState;
  readonly weight: number;
  readonly isBackup: boolean;
  /** How many requests are under way. */
  readonly inFlight: number;
  /** What the head of a response is expected to take, in milliseconds. */
  readonly latency: number;
  /** How many responses there were, failures of gateways among them. */
  readonly answers: number;
  readonly failures: number;
  readonly ejections: number;
  /** Percentiles of the time until the heads of the last minute, in milliseconds. Undefined where there were none. */
  readonly percentiles: BalancerPercentiles | undefined;
  /** What its probes have found out. Undefined where it is not asked. */
  readonly probe: ProbeRecord | undefined;
}

/** How long heads of responses took, in milliseconds: each value is at most a fifth too large. */
export interface BalancerPercentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** What a balancer is doing. */
export interface BalancerStatus {
  readonly targets: readonly BalancerTargetStatus[];
  /** How many requests wait for a target. */
  readonly queued: number;
  /** How many were sent to another target, after a failure or because the first one took long. */
  readonly retries: number;
  /** How many of these because the first one took long. */
  readonly hedges: number;
  /** How many could be sent to another target now, as `retryBudget` allows. */
  readonly retriesLeft: number;
  /** How many were not, as none was left. */
  readonly retriesRefused: number;
  /** Why there is no newer list of targets: what their source has failed with last. Undefined where it has not. */
  readonly sourceError: string | undefined;
}

export function statusOf({ peers, room, budget, hedges, now, sourceError }: Balancing): BalancerStatus {
  const at = now();
  const targets = [...peers.all, ...peers.leaving].map((peer) => statusOfPeer(peer, at));
  return {
    targets,
    queued: room.size,
    retries: budget.retries,
    hedges,
    retriesLeft: budget.left(at),
    retriesRefused: budget.refused,
    sourceError: sourceError === undefined ? undefined : messageOf(sourceError),
  };
}

function statusOfPeer(peer: Peer, now: number): BalancerTargetStatus {
  const { target, weight, isBackup, isDraining, pool, latency, answers, failures, ejection, probe, percentiles } = peer;
  return {
    url: target.url,
    address: target.address === target.hostname ? undefined : target.address,
    state: isDraining ? "draining" : probe?.isUp === false ? "down" : ejection.standing(now),
    weight,
    isBackup,
    inFlight: pool.busy,
    latency: latency.at(now),
    answers,
    failures,
    ejections: ejection.count,
    percentiles: named(percentilesOf([percentiles], [50, 95, 99], now)),
    probe: probe?.record,
  };
}

function named(values: readonly number[] | undefined): BalancerPercentiles | undefined {
  const [p50 = 0, p95 = 0, p99 = 0] = values ?? [];
  return values === undefined ? undefined : { p50, p95, p99 };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
