/** What the targets are doing, as a page for people and as JSON for programs. */

import { json, text } from "../../src/apps.ts";
import { escapeHtml } from "../../src/escape.ts";
import type { App } from "../../src/gateway.ts";
import { preferredType } from "../../src/http/negotiation.ts";
import type { BalancerState, BalancerStatus, BalancerTargetStatus } from "./status.ts";

const STYLE = `
:root { color-scheme: light dark; --paper: light-dark(#f6f7fa, #14161c); --card: light-dark(#fff, #1c1f28);
  --ink: light-dark(#1a1d26, #e9ebf2); --dim: light-dark(#565c6c, #a4abbd); --line: light-dark(#e3e6ed, #2c313d);
  --good: light-dark(#136c3a, #6fd49a); --bad: light-dark(#b3261e, #ff9c94); --wait: light-dark(#7a5200, #f0c05a); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { margin: 0 0 .5rem; font-size: clamp(1.5rem, 4vw, 2rem); line-height: 1.2; letter-spacing: -.02em; }
p { margin: 0 0 1.5rem; color: var(--dim); }
p.bad { color: var(--bad); overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .6rem .9rem; border-top: 1px solid var(--line); text-align: end; white-space: nowrap; }
thead th { border-top: 0; font-size: .875rem; font-weight: 400; color: var(--dim); }
th:first-child, th:nth-child(2), td:nth-child(2) { text-align: start; }
tbody th { min-width: 13rem; font-weight: 600; white-space: normal; overflow-wrap: anywhere; }
tbody th small { display: block; font-weight: 400; color: var(--dim); }
.state::before { content: ""; display: inline-block; width: .6em; height: .6em; margin-inline-end: .5em; border-radius: 50%;
  background: currentColor; }
.good { color: var(--good); } .bad { color: var(--bad); } .wait { color: var(--wait); }
@media (forced-colors: active) { .state::before { background: CanvasText; } }
`;

/** The `Content-Security-Policy` of the page: its own style, and nothing else, whatever a URL contains. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'sha256-pomeocwdEe5Phkg0HiQj+JatjBEg1YhvFf5dc8FVi9w='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** How often a browser asks again, in seconds. */
const REFRESH = 2;

const COLORS: Readonly<Record<BalancerState, string>> = {
  in: "good",
  trial: "wait",
  draining: "wait",
  out: "bad",
  down: "bad",
};

/** An app that shows a status, by `Accept` as HTML or as JSON. */
export function statusPage(statusOf: () => BalancerStatus): App {
  return function page(environ, startResponse) {
    const { REQUEST_METHOD: method, HTTP_ACCEPT: accept } = environ;
    if (method !== "GET" && method !== "HEAD") return NOT_ALLOWED(environ, startResponse);
    const headers = [
      ["Cache-Control", "no-store"],
      ["Vary", "Accept"],
    ] as const;
    if (preferredType(accept, ["application/json", "text/html"]) !== "text/html")
      return json(statusOf(), { headers })(environ, startResponse);
    startResponse("200 OK", [
      ["Content-Type", "text/html; charset=utf-8"],
      ["Content-Security-Policy", PAGE_POLICY],
      ["Refresh", String(REFRESH)],
      ...headers,
    ]);
    return pageOf(statusOf());
  };
}

const NOT_ALLOWED = text("Method Not Allowed\n", {
  status: "405 Method Not Allowed",
  headers: [["Allow", "GET, HEAD"]],
});

const COLUMNS = ["Target", "State", "Weight", "In flight", "p50", "p95", "p99", "Answers", "Failures", "Ejections"];

function pageOf(status: BalancerStatus): string {
  const { targets, queued, retries, hedges, retriesLeft, retriesRefused, sourceError } = status;
  const isIn = targets.filter(({ state }) => state === "in").length;
  const failed =
    sourceError === undefined ? "" : `<p class="bad">No newer list of targets: ${escapeHtml(sourceError)}</p>\n`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${isIn} of ${targets.length} targets are in</title>
<style>${STYLE}</style>
<main>
<h1>${isIn} of ${targets.length} targets are in</h1>
<p>${queued} queued, ${retries} retries, of which ${hedges} because the first target took long; ${retriesLeft} more are allowed now, ${retriesRefused} were refused. Times are milliseconds of the last minute.</p>
${failed}<div class="card" tabindex="0" role="region" aria-label="Targets">
<table>
<thead><tr>${COLUMNS.map((name) => `<th scope="col">${name}`).join("")}
<tbody>
${targets.map(row).join("\n")}
</table>
</div>
</main>
</html>
`;
}

function row(target: BalancerTargetStatus): string {
  const { url, address, state, weight, isBackup, inFlight, percentiles, answers, failures, ejections, probe } = target;
  const notes = [
    address,
    isBackup ? "backup" : undefined,
    probe?.last === undefined ? undefined : `probe: ${probe.last}`,
  ];
  const note = notes.filter((each) => each !== undefined).join(", ");
  const times = [percentiles?.p50, percentiles?.p95, percentiles?.p99].map(timeOf);
  const cells = [rounded(weight), inFlight, ...times, answers, failures, ejections];
  const name = `${escapeHtml(url)}${note === "" ? "" : `<small>${escapeHtml(note)}</small>`}`;
  const shown = `<td><span class="state ${COLORS[state]}">${state}</span>`;
  return `<tr><th scope="row">${name}${shown}${cells.map((cell) => `<td>${cell}`).join("")}`;
}

function timeOf(time: number | undefined): string {
  if (time === undefined) return "–";
  return time < 10 ? time.toFixed(1) : String(Math.round(time));
}

function rounded(weight: number): string {
  return String(Math.round(weight * 100) / 100);
}
