/** What the workers have measured, added up, and what the supervisor knows of them. */

import { type Metric, type MetricsSnapshot, MetricTotals, type MetricType } from "../metrics/snapshot.ts";
import { readMetrics } from "./reports.ts";
import type { Status, WorkerStatus } from "./status.ts";
import type { Worker } from "./worker.ts";

/** Measurements holds the totals of all workers, which do not fall when one is replaced or killed. */
export class Measurements {
  readonly #totals = new MetricTotals();
  /** The workers whose gauges are known. */
  readonly #gauged = new Set<Worker>();
  /** Who goes on counting. */
  #heir: ((counted: MetricsSnapshot) => void) | undefined;

  /** Adds what a worker has recorded since the last time. */
  add(recorded: unknown, worker: Worker): void {
    const increments = readMetrics(recorded);
    // A worker that is about to go has a successor of the same number.
    const isGauged = worker.state === "ready";
    if (isGauged) this.#gauged.add(worker);
    const counted = countedOf(increments);
    this.#totals.add(isGauged ? increments : counted, numberOf(worker));
    this.#heir?.(counted);
  }

  /** Adds what a former supervisor has counted. */
  inherit(counted: MetricsSnapshot): void {
    this.#totals.add(counted);
    this.#heir?.(counted);
  }

  /** Gives the totals to another one that goes on counting, and then whatever is still counted here. */
  passOn(heir: (counted: MetricsSnapshot) => void): void {
    heir(countedOf(this.#totals.snapshot()));
    this.#heir = heir;
  }

  /** All totals, with the gauges of the workers that serve and what the supervisor knows of itself. */
  snapshot(status: Status): MetricsSnapshot {
    const former = [...this.#gauged].filter(({ state }) => state !== "ready");
    for (const worker of former) this.#gauged.delete(worker);
    const numbers = new Set([...this.#gauged].map(numberOf));
    for (const number of former.map(numberOf)) if (!numbers.has(number)) this.#totals.forget(number);
    return [...this.#totals.snapshot(), ...supervisorMetrics(status)];
  }
}

/** What adds up. */
function countedOf(metrics: MetricsSnapshot): MetricsSnapshot {
  return metrics.filter(({ type }) => type !== "gauge");
}

function numberOf({ slot }: Worker): string {
  return String(slot + 1);
}

/** What a supervisor knows of itself and of its workers. */
export function supervisorMetrics(status: Status): MetricsSnapshot {
  const { wanted, serving, deaths, hangs, reloads, startedAt, workers } = status;
  // Of a worker that has just been started nothing is known.
  const known = workers.filter(({ memory }) => memory > 0);
  const of = (read: (worker: WorkerStatus) => number) => seriesOf(known, read);
  return [
    metric("tsgi.supervisor.workers.wanted", "gauge", "{worker}", "Workers that are to run.", wanted),
    metric("tsgi.supervisor.workers.serving", "gauge", "{worker}", "Workers that take requests.", serving),
    metric("tsgi.supervisor.deaths", "counter", "{death}", "Workers that have died, and were replaced.", deaths),
    metric("tsgi.supervisor.hangs", "counter", "{hang}", "Workers that hung, and were killed for it.", hangs),
    metric("tsgi.supervisor.reloads", "counter", "{reload}", "Reloads that ended well.", reloads),
    metric("tsgi.supervisor.uptime", "gauge", "s", "Time since the start.", (Date.now() - startedAt) / 1000),
    ofWorkers(
      "tsgi.worker.memory.usage",
      "By",
      "Resident memory.",
      of(({ memory }) => memory),
    ),
    ofWorkers(
      "tsgi.worker.eventloop.lag",
      "s",
      "How late the event loop was.",
      of(({ lag }) => lag / 1000),
    ),
    ofWorkers(
      "tsgi.worker.connections",
      "{connection}",
      "Open connections.",
      of(({ connections }) => connections),
    ),
    ofWorkers(
      "tsgi.worker.requests.active",
      "{request}",
      "Requests under way.",
      of(({ inFlight }) => inFlight),
    ),
  ];
}

function metric(name: string, type: MetricType, unit: string, help: string, value: number): Metric {
  return { name, type, unit, help, labels: [], bounds: [], series: [{ labels: [], values: [value] }] };
}

function ofWorkers(name: string, unit: string, help: string, series: Metric["series"]): Metric {
  return { name, type: "gauge", unit, help, labels: ["worker", "state"], bounds: [], series };
}

/** A series for each number and state: a worker that drains has a successor of the same number, and there may be two of them. */
function seriesOf(workers: readonly WorkerStatus[], read: (worker: WorkerStatus) => number): Metric["series"] {
  const found = new Map<string, { readonly labels: readonly string[]; readonly values: number[] }>();
  for (const worker of workers) {
    const labels = [String(worker.number), worker.state];
    const key = labels.join();
    const before = found.get(key)?.values[0] ?? 0;
    found.set(key, { labels, values: [before + read(worker)] });
  }
  return [...found.values()];
}
