/** What is measured of the process. Names are OpenTelemetry's, where it has one. */

import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import type { Metric, MetricsSnapshot } from "../../src/metrics/snapshot.ts";

/** How exactly the delay of the event loop is known, in milliseconds. */
const RESOLUTION = 20;
const NANOSECONDS = 1e9;

type Delay = Pick<ReturnType<typeof monitorEventLoopDelay>, "max" | "mean" | "percentile" | "reset" | "count">;

/** ProcessGauges measures from when it is made. */
export class ProcessGauges {
  readonly #delay: Delay;
  #since = performance.eventLoopUtilization();
  /** The servers of Node that have served, and how many connections they had when they were asked last. */
  readonly #connections = new Map<object, number>();
  #lastServer: object | undefined;

  constructor() {
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
    delay.enable();
    this.#delay = delay;
  }

  /** Counts the connections of a server of Node, too. */
  count(server: object | undefined): void {
    if (server === this.#lastServer || server === undefined) return;
    this.#lastServer = server;
    if (this.#connections.has(server)) return;
    this.#connections.set(server, 0);
    this.#askFor(server);
  }

  /** Node tells the number of connections later. */
  #askFor(server: object): void {
    const { getConnections, listening } = server as {
      readonly listening?: boolean;
      getConnections?(callback: (error: unknown, count: number) => void): void;
    };
    if (listening === false) this.#connections.delete(server);
    getConnections?.call(server, (_error, count) => {
      if (this.#connections.has(server)) this.#connections.set(server, count ?? 0);
    });
  }

  /** What is so now; delay and utilisation are those since the last time. */
  snapshot(): MetricsSnapshot {
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    const utilization = performance.eventLoopUtilization(this.#since).utilization;
    this.#since = performance.eventLoopUtilization();
    const hasDelay = this.#delay.count > 0;
    const delays = [this.#delay.mean, this.#delay.percentile(99), this.#delay.max].map((delay) =>
      // The timer that it is measured by takes its resolution itself.
      hasDelay ? Math.max(0, delay / NANOSECONDS - RESOLUTION / 1000) : 0,
    );
    this.#delay.reset();
    const connections = [...this.#connections.values()].reduce((sum, count) => sum + count, 0);
    for (const server of this.#connections.keys()) this.#askFor(server);
    return [
      gauge("process.memory.usage", "By", "Resident memory of the process.", rss),
      gauge("v8js.memory.heap.used", "By", "Used memory of the heap of V8.", heapUsed),
      gauge("v8js.memory.heap.limit", "By", "Allocated memory of the heap of V8.", heapTotal),
      gauge("nodejs.memory.external", "By", "Memory outside of the heap that objects of V8 hold.", external),
      gauge("nodejs.eventloop.delay.mean", "s", "Mean delay of the event loop since the last time.", delays[0]),
      gauge(
        "nodejs.eventloop.delay.p99",
        "s",
        "Delay of the event loop since the last time, 99th percentile.",
        delays[1],
      ),
      gauge("nodejs.eventloop.delay.max", "s", "Longest delay of the event loop since the last time.", delays[2]),
      gauge("nodejs.eventloop.utilization", "1", "Utilization of the event loop since the last time.", utilization),
      gauge("process.uptime", "s", "Time that the process has run.", process.uptime()),
      gauge("tsgi.server.connections", "{connection}", "Open connections of the servers.", connections),
    ];
  }
}

function gauge(name: string, unit: string, help: string, value = 0): Metric {
  return { name, type: "gauge", unit, help, labels: [], bounds: [], series: [{ labels: [], values: [value] }] };
}
