/** Counts requests by their labels: a few array elements each. */

import type { ExchangeEnd } from "../../src/gateway.ts";
import type { Metric, MetricsSnapshot } from "../../src/metrics/snapshot.ts";

/** Methods that are labels; all others are `_OTHER`, as a client can make up any number of them (RFC 9110 §9, RFC 5789). */
const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY", "CONNECT", "TRACE"] as const;
const OTHER = "_OTHER";
const METHOD_NUMBERS = new Map<string, number>(METHODS.map((method, index) => [method, index]));

/** More series than that are counted as those of no route. */
const MOST_SERIES = 10_000;

/** How a status is a label: `404`, or `4xx`. */
export type StatusLabel = "code" | "class";

/** What a request has in common with others. */
interface Kind {
  readonly labels: readonly string[];
  readonly durations: Float64Array;
  readonly requestSizes: Float64Array;
  readonly responseSizes: Float64Array;
}

const KINDS = ["durations", "requestSizes", "responseSizes"] as const;
const LABELS = ["http.request.method", "url.scheme", "http.route", "http.response.status_code", "error.type"];
const ACTIVE_LABELS = ["http.request.method", "url.scheme"];
const SIZES = [0, 1, 2, 3, 4, 5, 6].map((power) => 100 * 10 ** power);

/** The bounds that OpenTelemetry advises, in seconds. */
export const DURATIONS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** Recorder counts what ends. */
export class Recorder {
  readonly #bounds: readonly number[];
  readonly #status: StatusLabel;
  /** By route, and then by method, scheme, status and outcome as one number. */
  readonly #routes = new Map<string, Map<number, Kind>>();
  readonly #kinds: Kind[] = [];
  /** What was counted last, as most requests are like the one before. */
  #lastRoute: string | undefined;
  #lastNumber = -1;
  #lastKind: Kind | undefined;
  /** What was taken of each kind already, as increments. */
  readonly #taken = new Map<Kind, Kind>();
  /** By method and scheme; NaN for those that have not come yet. */
  readonly #active = new Float64Array(2 * (METHODS.length + 1)).fill(Number.NaN);

  constructor(bounds: readonly number[], status: StatusLabel) {
    this.#bounds = bounds;
    this.#status = status;
  }

  /** Counts a request that begins; gives its method and scheme as one number, for `end`. */
  begin(method: string, scheme: string): number {
    const begun = 2 * (METHOD_NUMBERS.get(method) ?? METHODS.length) + (scheme === "https" ? 1 : 0);
    this.#active[begun] = (this.#active[begun] || 0) + 1;
    return begun;
  }

  /** Takes a request back that was counted before. */
  drop(begun: number): void {
    (this.#active[begun] as number)--;
  }

  /** Counts a request that has ended. `duration` is in seconds, `requestSize` -1 where it is not known. */
  end(begun: number, route: string, end: ExchangeEnd, duration: number, requestSize: number): void {
    (this.#active[begun] as number)--;
    const { durations, requestSizes, responseSizes } = this.#kindOf(begun, route, end);
    observe(durations, this.#bounds, duration);
    if (requestSize >= 0) observe(requestSizes, SIZES, requestSize);
    observe(responseSizes, SIZES, end.bytes);
  }

  #kindOf(begun: number, route: string, end: ExchangeEnd): Kind {
    const outcome = end.isComplete ? 0 : end.isClientGone ? 1 : 2;
    const status = this.#status === "code" ? end.status : Math.floor(end.status / 100);
    const number = (begun * 3 + outcome) * 1000 + status;
    if (this.#lastKind !== undefined && number === this.#lastNumber && route === this.#lastRoute) return this.#lastKind;
    const kind = this.#routes.get(route)?.get(number) ?? this.#newKind(route, number, begun, status, outcome);
    this.#lastRoute = route;
    this.#lastNumber = number;
    this.#lastKind = kind;
    return kind;
  }

  #newKind(wanted: string, number: number, begun: number, status: number, outcome: number): Kind {
    const route = this.#kinds.length < MOST_SERIES ? wanted : "";
    const kinds = this.#routes.get(route) ?? new Map<number, Kind>();
    this.#routes.set(route, kinds);
    const known = kinds.get(number);
    if (known !== undefined) return known;
    const kind = {
      labels: [
        METHODS[begun >> 1] ?? OTHER,
        begun % 2 === 1 ? "https" : "http",
        route,
        status === 0 ? "" : this.#status === "code" ? String(status) : `${status}xx`,
        errorType(status, outcome),
      ],
      durations: new Float64Array(this.#bounds.length + 2),
      requestSizes: new Float64Array(SIZES.length + 2),
      responseSizes: new Float64Array(SIZES.length + 2),
    };
    kinds.set(number, kind);
    this.#kinds.push(kind);
    return kind;
  }

  /** All that was counted. */
  snapshot(): MetricsSnapshot {
    return this.#snapshotOf(this.#kinds);
  }

  /** What was counted since the last time, and the gauges as they are. */
  takeIncrements(): MetricsSnapshot {
    const increments: Kind[] = [];
    for (const kind of this.#kinds) {
      const taken = this.#taken.get(kind);
      const count = (sizes: Float64Array | undefined) => sizes?.reduce((sum, value) => sum + value, 0) ?? 0;
      if (taken !== undefined && count(taken.durations) === count(kind.durations)) continue;
      increments.push(lessOf(kind, taken));
      this.#taken.set(kind, copyOf(kind));
    }
    return this.#snapshotOf(increments);
  }

  #snapshotOf(kinds: readonly Kind[]): MetricsSnapshot {
    const bounds = [this.#bounds, SIZES, SIZES];
    const histograms = KINDS.map((member, index) => ({
      ...(HISTOGRAMS[index] as Pick<Metric, "name" | "unit" | "help">),
      type: "histogram" as const,
      labels: LABELS,
      bounds: bounds[index] as readonly number[],
      series: kinds.map((kind) => ({ labels: kind.labels, values: [...kind[member]] })),
    }));
    const active = [...this.#active].flatMap((value, begun) =>
      Number.isNaN(value)
        ? []
        : { labels: [METHODS[begun >> 1] ?? OTHER, begun % 2 === 1 ? "https" : "http"], values: [value] },
    );
    return [...histograms, { ...ACTIVE, labels: ACTIVE_LABELS, bounds: [], series: active }];
  }
}

const HISTOGRAMS = [
  { name: "http.server.request.duration", unit: "s", help: "Duration of HTTP server requests." },
  { name: "http.server.request.body.size", unit: "By", help: "Size of HTTP server request bodies." },
  { name: "http.server.response.body.size", unit: "By", help: "Size of HTTP server response bodies." },
];
const ACTIVE = {
  name: "http.server.active_requests",
  type: "gauge",
  unit: "{request}",
  help: "Number of active HTTP server requests.",
} as const;

function errorType(status: number, outcome: number): string {
  if (outcome > 0) return outcome === 1 ? "aborted" : "cut";
  if (status >= 500) return String(status);
  return status === 5 ? "5xx" : "";
}

/** Counts a value in its bucket, and adds it to the sum. */
function observe(values: Float64Array, bounds: readonly number[], value: number): void {
  let bucket = 0;
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
  (values[bucket] as number)++;
  (values[bounds.length + 1] as number) += value;
}

function copyOf(kind: Kind): Kind {
  const { labels, durations, requestSizes, responseSizes } = kind;
  return {
    labels,
    durations: durations.slice(),
    requestSizes: requestSizes.slice(),
    responseSizes: responseSizes.slice(),
  };
}

function lessOf(kind: Kind, taken: Kind | undefined): Kind {
  if (taken === undefined) return kind;
  const less = copyOf(kind);
  for (const member of KINDS) {
    for (const [index, value] of taken[member].entries()) (less[member][index] as number) -= value;
  }
  return less;
}
