/** The page that a 500 is in development: the message, the stack with the user's own frames marked, the environ. */

import { fileURLToPath } from "node:url";
import { describeError } from "../errors.ts";
import { escapeHtml } from "../escape.ts";
import type { ErrorPage } from "../exchange/sink.ts";
import type { Environ, StatusLine } from "../gateway.ts";

/** Where tsgi's own files lie, as a URL and as a path: frames in there are not the user's. */
const ROOT = new URL("../..", import.meta.url);
const OWN = [ROOT.href, fileURLToPath(ROOT)].flatMap((root) => [`${root}src/`, `${root}middleware/`]);

const STYLE = `
  :root { color-scheme: light dark; --own: light-dark(#b3261e, #ffb4ab); --dim: light-dark(#666, #999); }
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 70rem; }
  h1 { font-size: 1.1rem; color: var(--dim); margin: 0; }
  .message { font-size: 1.5rem; font-weight: 600; white-space: pre-wrap; margin: .25rem 0 1.5rem; }
  pre, table { font: 13px/1.6 ui-monospace, monospace; }
  pre { overflow-x: auto; color: var(--dim); }
  pre mark { background: none; color: var(--own); font-weight: 600; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; vertical-align: top; padding: .1rem 1rem .1rem 0; overflow-wrap: anywhere; }
  th { color: var(--dim); font-weight: 400; white-space: nowrap; }`;

/** A page for a person who accepts HTML, the same as plain text for everybody else. A 4xx stays a bare status. */
export function developmentPage(status: StatusLine, error: unknown, environ: Environ): ErrorPage | undefined {
  if (!status.startsWith("5")) return undefined;
  const text = describeError(error);
  if (!environ.HTTP_ACCEPT?.includes("text/html")) {
    return { headers: [["Content-Type", "text/plain; charset=utf-8"]], body: `${status}\n\n${text}\n` };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const frames = text
    .split("\n")
    .map((line) => (isUserFrame(line) ? `<mark>${escapeHtml(line)}</mark>` : escapeHtml(line)));
  const rows = Object.entries(environ).map(
    ([key, value]) => `<tr><th>${escapeHtml(key)}<td>${escapeHtml(show(value))}`,
  );
  return {
    headers: [["Content-Type", "text/html; charset=utf-8"]],
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(message)}</title><style>${STYLE}</style>
<h1>${escapeHtml(`${status} at ${environ.REQUEST_METHOD} ${environ.REQUEST_URI}`)}</h1>
<p class="message">${escapeHtml(message)}</p>
<pre>${frames.join("\n")}</pre>
<h2>environ</h2>
<table>${rows.join("\n")}</table>
`,
  };
}

/** Whether a line of a stack is in the user's own code: no Node internals, no package, not tsgi. */
export function isUserFrame(line: string): boolean {
  return /^\s+at /.test(line) && !/[( ](?:node:|native|<anonymous>\))|\/node_modules\//.test(line) && !isOwnFrame(line);
}

function isOwnFrame(line: string): boolean {
  return OWN.some((folder) => line.includes(folder));
}

function show(value: unknown): string {
  if (typeof value === "string") return value;
  if (
    typeof value === "object" &&
    value !== null &&
    Object.getPrototypeOf(value) !== Object.prototype &&
    !Array.isArray(value)
  ) {
    return `[${value.constructor?.name || "object"}]`;
  }
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
