/** Asks a target again and again whether it is well, on connections of its own. */

import { closeBody } from "../../src/body/reader.ts";
import { callOut } from "../../src/promise.ts";
import { startAttempt } from "../proxy/attempt.ts";
import type { Outcome } from "../proxy/outcome.ts";
import { Pool, type PoolOptions } from "../proxy/pool.ts";
import type { Target } from "../proxy/target.ts";
import type { Attempt } from "../proxy/upstream-request.ts";

/** How targets are asked whether they are well. Durations are milliseconds. */
export interface ProbeOptions {
  /** The path to GET, below the target's own: `"/health"`. */
  path: string;
  /** Which statuses are well. Default: those from 200 to 399. */
  statuses?: readonly number[] | undefined;
  /** How long to wait between two probes, give or take a fifth. Default 5000. */
  interval?: number | undefined;
  /** How long to wait while a target is down. Default: as long. */
  unhealthyInterval?: number | undefined;
  /** How long the head of the response may take. Default 2000. */
  timeout?: number | undefined;
  /** How many probes in a row have to succeed before a target that is down is up. Default 2. */
  rise?: number | undefined;
  /** How many have to fail before one that is up is down. Default 3. */
  fall?: number | undefined;
}

/** What the probes of a target have found out. */
export interface ProbeRecord {
  readonly isUp: boolean;
  /** How many there were, and how many of them have failed. */
  readonly count: number;
  readonly failures: number;
  /** What the last one has found: a status, or why there was none. Undefined before the first. */
  readonly last: string | undefined;
}

/** Of a target that was not asked yet. */
const UNKNOWN: ProbeRecord = { isUp: true, count: 0, failures: 0, last: undefined };

interface ProbeSettings {
  readonly path: string;
  readonly statuses: ReadonlySet<number> | undefined;
  readonly interval: number;
  readonly unhealthyInterval: number;
  readonly timeout: number;
  readonly rise: number;
  readonly fall: number;
}

/** Probe judges one target; it is up before the first. */
export class Probe {
  #record: ProbeRecord;
  readonly #pool: Pool;
  readonly #options: ProbeSettings;
  readonly #onChange: () => void;
  #timer: NodeJS.Timeout;
  #attempt: Attempt | undefined;
  #isStopped = false;
  /** How many in a row say otherwise. */
  #against = 0;

  /** `record` is what was found out before, of a target that has come back. */
  constructor(
    target: Target,
    options: ProbeOptions,
    pool: PoolOptions,
    onChange: () => void,
    record: ProbeRecord = UNKNOWN,
  ) {
    const { path, interval = 5000, unhealthyInterval = interval, timeout = 2000, rise = 2, fall = 3 } = options;
    const statuses = options.statuses === undefined ? undefined : new Set(options.statuses);
    this.#options = { path, statuses, interval, unhealthyInterval, timeout, rise, fall };
    this.#record = record;
    this.#pool = new Pool(target, { ...pool, connections: 1, queue: 0, keepAliveTimeout: 0 }, "balancer");
    this.#onChange = onChange;
    // It does not keep the process running.
    this.#timer = setTimeout(() => this.#ask(), 0).unref();
  }

  get isUp(): boolean {
    return this.#record.isUp;
  }

  get record(): ProbeRecord {
    return this.#record;
  }

  #ask(): void {
    const { path, timeout } = this.#options;
    const headers = ["User-Agent", "tsgi-probe"];
    const request = { method: "GET", path, query: "", headers, host: undefined, body: undefined };
    this.#attempt = startAttempt(
      this.#pool,
      { ...request, expectsContinue: false, upgrade: undefined },
      { headTimeout: timeout, bodyTimeout: timeout },
      { onOutcome: (outcome) => this.#heard(outcome), onOver() {} },
    );
  }

  #heard(outcome: Outcome): void {
    this.#attempt = undefined;
    if (outcome.isAnswer) {
      callOut(
        () => closeBody(outcome.body),
        () => {},
      );
    }
    if (this.#isStopped) return;
    const { rise, fall } = this.#options;
    const { isUp, count, failures } = this.#record;
    const isWell = this.#isWell(outcome);
    this.#against = isWell === isUp ? 0 : this.#against + 1;
    const isTurned = this.#against >= (isUp ? fall : rise);
    this.#record = {
      isUp: isTurned ? isWell : isUp,
      count: count + 1,
      failures: isWell ? failures : failures + 1,
      last: outcome.isAnswer ? String(outcome.status) : outcome.reason,
    };
    this.#askLater();
    if (!isTurned) return;
    this.#against = 0;
    this.#onChange();
  }

  #isWell(outcome: Outcome): boolean {
    if (!outcome.isAnswer) return false;
    return this.#options.statuses?.has(outcome.status) ?? outcome.status < 400;
  }

  #askLater(): void {
    const { interval, unhealthyInterval } = this.#options;
    const time = this.isUp ? interval : unhealthyInterval;
    // Not all balancers ask at the same moment.
    this.#timer = setTimeout(() => this.#ask(), time * (0.8 + 0.4 * Math.random())).unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#attempt?.abort(new Error("nobody asks any more"));
    void this.#pool.close();
  }
}
