/** The response to an error in development: a page, JSON or text, whichever the client asks for. */

import { describeError } from "../errors.ts";
import { escapeControls } from "../escape.ts";
import type { ErrorPage } from "../exchange/sink.ts";
import type { App, Environ, StatusLine } from "../gateway.ts";
import { preferredType } from "../http/negotiation.ts";
import { htmlPage, POLICY } from "./error-page/html.ts";
import { jsonPage } from "./error-page/json.ts";
import { type Report, reportOn } from "./error-page/report.ts";
import { textPage } from "./error-page/text.ts";

/** The forms of the page. The first is that of clients that take anything, such as `curl`. */
const FORMS: Readonly<Record<string, (report: Report) => string>> = {
  "text/plain": textPage,
  "text/html": htmlPage,
  "application/json": jsonPage,
  "application/problem+json": jsonPage,
};

const TYPES = Object.keys(FORMS);

/**
 * developmentPage gives what shows an error to a client: the message, the source, the stack, what is behind the error, which apps
 * the request has passed and the environ that the innermost mount was called with. Secrets are masked. `app` is what was
 * served. A 4xx stays a bare status. Never throws: an error that cannot be shown so is shown as in the log.
 */
export function developmentPage(status: StatusLine, error: unknown, environ: Environ, app: App): ErrorPage | undefined {
  if (!status.startsWith("5")) return undefined;
  const type = preferredType(environ.HTTP_ACCEPT, TYPES) ?? "text/plain";
  try {
    const body = FORMS[type]?.(reportOn(status, error, environ, app)) as string;
    return page(type, body);
  } catch (pageError) {
    const texts = [describeError(error), `And this page failed: ${describeError(pageError)}`];
    const lines = texts.flatMap((text) => text.split("\n"));
    return page("text/plain", `${status}\n\n${lines.map(escapeControls).join("\n")}\n`);
  }
}

function page(type: string, body: string): ErrorPage {
  const charset = type.startsWith("text/") ? "; charset=utf-8" : "";
  return {
    headers: [
      ["Content-Type", type + charset],
      ["Cache-Control", "no-store"],
      ["X-Content-Type-Options", "nosniff"],
      ...(type === "text/html" ? [["Content-Security-Policy", POLICY] as const] : []),
    ],
    body,
  };
}
