/** What `tsgi ctl` prints for a person. */

import { escapeControls } from "../escape.ts";
import type { Status } from "../supervisor/status.ts";
import type { SupervisedRequest } from "../supervisor/supervisor.ts";

/** statusText gives what a supervisor does, and a line for each worker; `now` is in milliseconds since 1970. */
export function statusText(status: Status, now: number): string {
  const { pid, state, title, urls, wanted, serving, deaths, hangs, reloads, startedAt, reloadedAt, workers } = status;
  const reloaded = reloadedAt === undefined ? "" : `, the last time ${span(now - reloadedAt)} ago`;
  const facts = [
    `${title} on ${urls.join(", ")}`,
    `${state} for ${span(now - startedAt)} as process ${pid}; ${serving} of ${wanted} workers serve`,
    `reloads: ${reloads}${reloaded}; workers that died: ${deaths}, because they hung: ${hangs}`,
  ];
  const rows = workers.map((worker) => [
    String(worker.number),
    String(worker.pid),
    worker.state === "ready" && !worker.serves ? "silent" : worker.state,
    span(now - worker.startedAt),
    String(worker.requests),
    String(worker.inFlight),
    String(worker.connections),
    `${worker.lag} ms`,
    `${(worker.memory / 2 ** 20).toFixed(1)} MiB`,
    worker.adopted.join(","),
  ]);
  const head = ["worker", "pid", "state", "up", "requests", "in flight", "connections", "lag", "memory", "serves too"];
  return `${facts.map(escapeControls).join("\n")}\n\n${table(head, rows)}`;
}

/** requestsText gives a line for each request, the longest first. */
export function requestsText(requests: readonly SupervisedRequest[]): string {
  if (requests.length === 0) return "no requests\n";
  const rows = [...requests]
    .sort((one, other) => other.duration - one.duration)
    .map(({ worker, pid, duration, method, target }) => [
      String(worker),
      String(pid),
      `${duration} ms`,
      `${method} ${escapeControls(target)}`,
    ]);
  return table(["worker", "pid", "for", "request"], rows);
}

/** Columns side by side; those that are empty are left out. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = [...head.keys()].filter((column) => rows.length === 0 || rows.some((row) => row[column] !== ""));
  const lines = [head, ...rows].map((row) => columns.map((column) => row[column] ?? ""));
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => (line[index] as string).length)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
] as const;

/** A time in words: `"2 h 5 min"`, `"12 s"`. */
function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const found = UNITS.findIndex(([, length]) => seconds >= length);
  if (found < 0) return `${seconds} s`;
  const [unit, length] = UNITS[found] as (typeof UNITS)[number];
  const [smaller, part] = UNITS[found + 1] ?? ["s", 1];
  const rest = Math.floor((seconds % length) / part);
  return `${Math.floor(seconds / length)} ${unit}${rest === 0 ? "" : ` ${rest} ${smaller}`}`;
}
