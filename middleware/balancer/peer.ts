/** One target of a balancer, and what is known of it. */

import { Pool, type PoolOptions } from "../proxy/pool.ts";
import { type Target, targetOf } from "../proxy/target.ts";
import { Ejection, type EjectionSettings } from "./ejection.ts";
import { Latency } from "./latency.ts";
import { Percentiles } from "./percentiles.ts";
import type { Probe, ProbeOptions, ProbeRecord } from "./probe.ts";

/** A target with what it is worth. */
export interface BalancerTarget {
  /** As for `proxy`: `http://host:port`, `https://host`, `unix:/path/of.sock`. */
  readonly url: string;
  /** The IP address to connect to, where the host name of the URL has several. Default: the host name is looked up. */
  readonly address?: string | undefined;
  /** Its share, compared with the others. Default 1; 0: it gets no requests. */
  readonly weight?: number | undefined;
  /** Whether it gets requests only while none of the others can. Default `false`. */
  readonly backup?: boolean | undefined;
}

/** What every target of a balancer has in common. */
export interface PeerSettings {
  readonly pool: PoolOptions;
  readonly ejection: EjectionSettings;
  /** Over which time a target that is new, or in again, gets more and more requests; in milliseconds. */
  readonly slowStart: number;
  /** How it is asked whether it is well; undefined for never. */
  readonly probe: ProbeOptions | undefined;
  /** What the cookies of clients may be that are held to a target; empty where none are. */
  readonly tokens: (key: string) => readonly string[];
  /** Called when what is known of a target changes, or the list does. */
  readonly onEvent: (type: PeerEvent, peer: Peer) => void;
}

/** What becomes of a target. */
export type PeerEvent = "added" | "removed" | "ejected" | "readmitted" | "down" | "up";

/** The least that a slow start begins with. */
const FIRST_SHARE = 0.1;

/** A request that can be ended. */
export interface Cuttable {
  cut(error: Error): void;
}

/** The target of an entry, apart from others: the same URL may be at several addresses. */
export function keyOf({ url, address }: BalancerTarget): string {
  return address === undefined ? url : `${url} ${address}`;
}

/** What was known of a target by its responses before it left. */
export interface PastOfPeer {
  readonly ejection: Ejection;
  readonly latency: Latency;
  readonly answers: number;
  readonly failures: number;
  readonly probe: ProbeRecord | undefined;
}

export class Peer {
  /** What it is known by. */
  readonly key: string;
  readonly target: Target;
  readonly pool: Pool;
  readonly ejection: Ejection;
  readonly latency: Latency;
  readonly percentiles: Percentiles;
  probe: Probe | undefined;
  readonly isBackup: boolean;
  /** What the cookies of its clients may be; the first is what they are set to. */
  readonly tokens: readonly string[];
  /** What rendezvous hashing mixes keys with. */
  readonly seed: number;
  /** What weighted round robin owes it. */
  turn = 0;
  /** The weight that it was given. */
  weight: number;
  isDraining = false;
  /** Whether the request under way is its trial. */
  isOnTrial = false;
  answers: number;
  failures: number;
  /** Its requests, to be cut when it is waited for no longer. */
  readonly underWay: Set<Cuttable> = new Set();
  readonly #slowStart: number;
  #joinedAt = Number.NEGATIVE_INFINITY;
  #onEmpty: (() => void)[] = [];

  /** Throws `TSGI_BAD_TARGET`, `TSGI_NO_PACKAGE`. */
  constructor(entry: BalancerTarget, settings: PeerSettings, now: number, past?: PastOfPeer) {
    const { url, address, weight = 1, backup = false } = entry;
    this.key = keyOf(entry);
    this.target = targetOf(url, "balancer", address);
    // Who waits does so for any target.
    this.pool = new Pool(this.target, { ...settings.pool, queue: 0 }, "balancer");
    this.ejection = past?.ejection ?? new Ejection(settings.ejection);
    this.latency = past?.latency ?? new Latency(0, now);
    this.percentiles = new Percentiles(now);
    this.answers = past?.answers ?? 0;
    this.failures = past?.failures ?? 0;
    this.isBackup = backup;
    this.weight = weight;
    this.seed = hash(this.key);
    this.tokens = settings.tokens(this.key);
    this.#slowStart = settings.slowStart;
  }

  get hasRoom(): boolean {
    return this.pool.busy < this.pool.options.connections;
  }

  /** Whether it may get requests, as far as is known. */
  isWell(now: number): boolean {
    return this.ejection.standing(now) === "in" && this.probe?.isUp !== false;
  }

  /** Its weight by now, less while it starts slowly. */
  weightAt(now: number): number {
    const age = now - this.#joinedAt;
    return age >= this.#slowStart ? this.weight : this.weight * Math.max(FIRST_SHARE, age / this.#slowStart);
  }

  /** What it would cost to send a request there, by latency. */
  cost(now: number): number {
    return (this.latency.at(now) * (this.pool.busy + 1)) / this.weightAt(now);
  }

  /** It gets requests from now on, as if it took as long as the others. */
  join(now: number, latency: number): void {
    this.#joinedAt = now;
    this.latency.set(latency, now);
  }

  /** No more requests are sent there. Resolves when those under way are over; after that many milliseconds they are cut. */
  drain(deadline?: number): Promise<void> {
    if (deadline !== undefined && this.pool.busy > 0) this.#cutAfter(deadline);
    this.isDraining = true;
    this.probe?.stop();
    void this.pool.close();
    if (this.pool.busy === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  #cutAfter(deadline: number): void {
    const cut = (): void => {
      for (const request of [...this.underWay]) request.cut(new Error("the target was drained"));
    };
    const timer = setTimeout(cut, deadline);
    this.#onEmpty.push(() => clearTimeout(timer));
  }

  /** What is to be known of it when it comes back. */
  get past(): PastOfPeer {
    const { ejection, latency, answers, failures } = this;
    return { ejection, latency, answers, failures, probe: this.probe?.record };
  }

  /** A request is over. */
  left(): void {
    if (this.pool.busy > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}

/** FNV-1a. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}
