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
  /** The path to GET, below the target's own: `"/health"`. Any status from 200 to 399 is well. */
  path: string;
  /** How long to wait between two probes, give or take a fifth. Default 5000. */
  interval?: number | undefined;
  /** How long the head of the response may take. Default 2000. */
  timeout?: number | undefined;
  /** How many probes in a row have to succeed before a target that is down is up. Default 2. */
  rise?: number | undefined;
  /** How many have to fail before one that is up is down. Default 3. */
  fall?: number | undefined;
}

type ProbeSettings = { readonly [Name in keyof Required<ProbeOptions>]: NonNullable<ProbeOptions[Name]> };

/** Probe judges one target; it is up before the first. */
export class Probe {
  isUp = true;
  readonly #pool: Pool;
  readonly #options: ProbeSettings;
  readonly #onChange: () => void;
  #timer: NodeJS.Timeout;
  #attempt: Attempt | undefined;
  #isStopped = false;
  /** How many in a row say otherwise. */
  #against = 0;

  constructor(target: Target, options: ProbeOptions, pool: PoolOptions, onChange: () => void) {
    const { path, interval = 5000, timeout = 2000, rise = 2, fall = 3 } = options;
    this.#options = { path, interval, timeout, rise, fall };
    this.#pool = new Pool(target, { ...pool, connections: 1, queue: 0, keepAliveTimeout: 0 }, "balancer");
    this.#onChange = onChange;
    // It does not keep the process running.
    this.#timer = setTimeout(() => this.#ask(), 0).unref();
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
    const { interval, rise, fall } = this.#options;
    this.#timer = setTimeout(() => this.#ask(), interval * (0.8 + 0.4 * Math.random())).unref();
    const isWell = outcome.isAnswer && outcome.status < 400;
    this.#against = isWell === this.isUp ? 0 : this.#against + 1;
    if (this.#against < (this.isUp ? fall : rise)) return;
    this.#against = 0;
    this.isUp = isWell;
    this.#onChange();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#attempt?.abort(new Error("nobody asks any more"));
    void this.#pool.close();
  }
}
