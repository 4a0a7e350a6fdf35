/** The page of a 500 in development: the message, the source, the stack with the user's own frames marked, the environ. */

import { describeError } from "../errors.ts";
import { escapeHtml } from "../escape.ts";
import { innermostOf } from "../exchange/innermost.ts";
import type { ErrorPage } from "../exchange/sink.ts";
import type { Environ, StatusLine } from "../gateway.ts";
import { isUserFrame, sourceAround, userPlace } from "./stack.ts";

const STYLE = `
  :root { color-scheme: light dark; --own: light-dark(#b3261e, #ffb4ab); --dim: light-dark(#666, #999); }
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 70rem; }
  h1, h2 { font-size: 1.1rem; color: var(--dim); margin: 0; }
  h2 { margin-top: 1.5rem; }
  .message { font-size: 1.5rem; font-weight: 600; white-space: pre-wrap; margin: .25rem 0 1.5rem; }
  pre, table { font: 13px/1.6 ui-monospace, monospace; }
  pre { overflow-x: auto; color: var(--dim); }
  pre mark { background: none; color: var(--own); font-weight: 600; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; vertical-align: top; padding: .1rem 1rem .1rem 0; overflow-wrap: anywhere; }
  th { color: var(--dim); font-weight: 400; white-space: nowrap; }`;

/**
 * developmentPage shows an error to a client that accepts HTML, as plain text to any other. A 4xx stays a bare status. The
 * environ is the one that the innermost mount was called with.
 */
export function developmentPage(status: StatusLine, error: unknown, environ: Environ): ErrorPage | undefined {
  if (!status.startsWith("5")) return undefined;
  const text = describeError(error);
  if (!environ.HTTP_ACCEPT?.includes("text/html")) {
    return { headers: [["Content-Type", "text/plain; charset=utf-8"]], body: `${status}\n\n${text}\n` };
  }
  const message = messageOf(error);
  return {
    headers: [["Content-Type", "text/html; charset=utf-8"]],
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(message)}</title><style>${STYLE}</style>
<h1>${escapeHtml(`${status} at ${environ.REQUEST_METHOD} ${environ.REQUEST_URI}`)}</h1>
<p class="message">${escapeHtml(message)}</p>
${sourceSection(text)}<h2>stack</h2>
<pre>${text.split("\n").map(markFrame).join("\n")}</pre>
<h2>environ</h2>
<table>${Object.entries(innermostOf(environ)).map(environRow).join("\n")}</table>
`,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** The lines around the first frame of the user's own code, the failing one marked. */
function sourceSection(stack: string): string {
  const place = userPlace(stack);
  const lines = place === undefined ? [] : sourceAround(place);
  if (place === undefined || lines.length === 0) return "";
  const width = String(lines.at(-1)?.number).length;
  const shown = lines.map(({ number, text }) => {
    const line = escapeHtml(`${String(number).padStart(width)}  ${text}`);
    return number === place.line ? `<mark>${line}</mark>` : line;
  });
  return `<h2>${escapeHtml(`${place.path}:${place.line}:${place.column}`)}</h2>\n<pre class="source">${shown.join("\n")}</pre>\n`;
}

function markFrame(line: string): string {
  return isUserFrame(line) ? `<mark>${escapeHtml(line)}</mark>` : escapeHtml(line);
}

function environRow([key, value]: [key: string, value: unknown]): string {
  return `<tr><th>${escapeHtml(key)}<td>${escapeHtml(showValue(value))}`;
}

function showValue(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && !isPlain(value)) {
    return `[${value.constructor?.name || "object"}]`;
  }
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

function isPlain(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
