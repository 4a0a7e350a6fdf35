/**
 * What was measured, as plain data: it can be sent to another process, and added up there.
 *
 * Counters and histograms are sent as increments, so that what a process has counted stays counted when it is replaced; a
 * gauge is what it is, and goes with its process.
 */

/** What a number of a metric means. */
export type MetricType = "counter" | "gauge" | "histogram";

/** The values of one set of labels. */
export interface Series {
  /** The values of the labels, in the order of their names; `""` for one that is not there. */
  readonly labels: readonly string[];
  /** One number; of a histogram how many fell into each bucket, the last one being all above, and then their sum. */
  readonly values: readonly number[];
}

/** A metric with all its series. Names and units are OpenTelemetry's: `"http.server.request.duration"`, `"s"`. */
export interface Metric {
  readonly name: string;
  readonly type: MetricType;
  readonly unit: string;
  readonly help: string;
  /** The names of its labels. */
  readonly labels: readonly string[];
  /** The upper bounds of a histogram's buckets, each included; none for other metrics. */
  readonly bounds: readonly number[];
  readonly series: readonly Series[];
}

/** `MetricsSnapshot` is a list of metrics that JSON can hold. */
export type MetricsSnapshot = readonly Metric[];

interface Total {
  readonly metric: Metric;
  readonly series: Map<string, { readonly labels: readonly string[]; readonly values: number[] }>;
}

/** MetricTotals adds up what several processes have measured. Totals never fall, whichever process ends. */
export class MetricTotals {
  readonly #totals = new Map<string, Total>();
  /** The gauges of each process. */
  readonly #gauges = new Map<string, MetricsSnapshot>();

  /** Adds what a process has counted since the last time, and takes its gauges for those it has now. */
  add(increments: MetricsSnapshot, worker = ""): void {
    const gauges = increments.filter(({ type }) => type === "gauge");
    if (gauges.length > 0) this.#gauges.set(worker, gauges);
    for (const metric of increments) if (metric.type !== "gauge") this.#addMetric(metric);
  }

  #addMetric(metric: Metric): void {
    let total = this.#totals.get(metric.name);
    if (total === undefined || !hasShapeOf(total.metric, metric)) {
      // A process that runs other code may measure by other bounds, which cannot be added to these.
      total = { metric, series: new Map() };
      this.#totals.set(metric.name, total);
    }
    for (const { labels, values } of metric.series) {
      const key = JSON.stringify(labels);
      const series = total.series.get(key);
      if (series === undefined) total.series.set(key, { labels, values: [...values] });
      else for (const [index, value] of values.entries()) series.values[index] = (series.values[index] ?? 0) + value;
    }
  }

  /** Forgets the gauges of a process that has ended; what it has counted stays. */
  forget(worker: string): void {
    this.#gauges.delete(worker);
  }

  /** All totals, and the gauges of each process, with a label `worker` where there is more than the unnamed one. */
  snapshot(): MetricsSnapshot {
    const totals = [...this.#totals.values()].map(({ metric, series }) => ({
      ...metric,
      series: [...series.values()],
    }));
    const gauges = new Map<string, Metric>();
    for (const [worker, metrics] of this.#gauges) {
      for (const metric of metrics) {
        const series = metric.series.map(({ labels, values }) => ({ labels: [...labels, worker], values }));
        const before = gauges.get(metric.name);
        gauges.set(metric.name, {
          ...metric,
          labels: [...metric.labels, "worker"],
          series: [...(before?.series ?? []), ...series],
        });
      }
    }
    return [...totals, ...gauges.values()];
  }
}

function hasShapeOf(one: Metric, other: Metric): boolean {
  return one.labels.join() === other.labels.join() && one.bounds.join() === other.bounds.join();
}
