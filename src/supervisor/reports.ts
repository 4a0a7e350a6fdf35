/** Reads what a worker says: its app may send whatever it likes over the same channel, and must not end the supervisor by it. */

import type { Metric, MetricsSnapshot, MetricType } from "../metrics/snapshot.ts";
import type { Report } from "./messages.ts";

type Check = (value: unknown) => boolean;

const TEXT: Check = (value) => typeof value === "string";
const NUMBER: Check = (value) => typeof value === "number";
/** JSON has `null` for a number that is none. */
const MEASURED: Check = (value) => value === null || typeof value === "number";
const ANYTHING: Check = () => true;
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const objectOf =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]));

const REPORTS: { readonly [Type in Report["type"]]: Check } = {
  ready: objectOf({ title: TEXT, tree: listOf(TEXT), urls: listOf(TEXT) }),
  failed: objectOf({ reason: TEXT }),
  beat: objectOf({ lag: NUMBER, memory: NUMBER, connections: NUMBER, inFlight: NUMBER, requests: NUMBER }),
  took: objectOf({ id: NUMBER }),
  claim: objectOf({ id: NUMBER }),
  retire: ANYTHING,
  note: ANYTHING,
  listed: objectOf({ id: NUMBER, requests: listOf(objectOf({ method: TEXT, target: TEXT, duration: NUMBER })) }),
};

/** readReport gives what a worker has said; undefined for a message that is its app's own affair. */
export function readReport(message: unknown): Report | undefined {
  const type = (message as { readonly type?: unknown } | null)?.type;
  if (typeof type !== "string" || !Object.hasOwn(REPORTS, type)) return undefined;
  return REPORTS[type as Report["type"]](message) ? (message as Report) : undefined;
}

const TYPES: ReadonlySet<unknown> = new Set<MetricType>(["counter", "gauge", "histogram"]);

const isMetric = objectOf({
  name: TEXT,
  type: (value) => TYPES.has(value),
  unit: TEXT,
  help: TEXT,
  labels: listOf(TEXT),
  bounds: listOf(NUMBER),
  series: listOf(objectOf({ labels: listOf(TEXT), values: listOf(MEASURED) })),
}) as (value: unknown) => value is Metric;

/** readMetrics gives those metrics that can be added up. */
export function readMetrics(increments: unknown): MetricsSnapshot {
  return Array.isArray(increments) ? increments.filter(isMetric) : [];
}
