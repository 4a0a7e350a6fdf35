/** Metrics as Prometheus reads them: its text format, version 0.0.4, with names by OpenTelemetry's rules for Prometheus. */

import type { Metric, MetricsSnapshot } from "./snapshot.ts";

/** The media type of `exposition`. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Writes metrics as text. */
export function exposition(metrics: MetricsSnapshot): string {
  return metrics.map(metricText).join("");
}

function metricText(metric: Metric): string {
  const name = nameOf(metric);
  const labelNames = metric.labels.map((label) => label.replaceAll(".", "_"));
  let text = `# HELP ${name} ${metric.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${metric.type}\n`;
  for (const { labels, values } of metric.series) {
    const pairs = labels.flatMap((value, index) =>
      value === "" ? [] : `${labelNames[index]}="${escapeLabel(value)}"`,
    );
    text += metric.type === "histogram" ? histogram(name, pairs, metric.bounds, values) : line(name, pairs, values[0]);
  }
  return text;
}

/** Buckets of Prometheus count all that is up to their bound. */
function histogram(
  name: string,
  pairs: readonly string[],
  bounds: readonly number[],
  values: readonly number[],
): string {
  let text = "";
  let count = 0;
  for (let bucket = 0; bucket <= bounds.length; bucket++) {
    count += values[bucket] ?? 0;
    const bound = bucket === bounds.length ? "+Inf" : String(bounds[bucket]);
    text += line(`${name}_bucket`, [...pairs, `le="${bound}"`], count);
  }
  return text + line(`${name}_sum`, pairs, values[bounds.length + 1]) + line(`${name}_count`, pairs, count);
}

function line(name: string, pairs: readonly string[], value = 0): string {
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${numberOf(value)}\n`;
}

function numberOf(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

const UNITS: Readonly<Record<string, string>> = { s: "_seconds", By: "_bytes", "1": "_ratio" };

/** `http_server_request_duration_seconds` for `http.server.request.duration` in `s`. */
function nameOf({ name, unit, type }: Metric): string {
  return name.replace(/[^\w:]/g, "_") + (UNITS[unit] ?? "") + (type === "counter" ? "_total" : "");
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
