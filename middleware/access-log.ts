/**
 * Writes a line for each request.
 *
 * ```ts
 * export const app = accessLog(site, { format: "combined", to: "/var/log/site.log" });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { traceInnermost } from "../src/exchange/innermost.ts";
import { writeError } from "../src/exchange/report.ts";
import type { App, Environ } from "../src/gateway.ts";
import { checkOptions, either, FUNCTION, type Kind, oneOf, STRING } from "../src/options.ts";
import { callOut } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { Destination } from "./access-log/destination.ts";
import { type AccessLogEntry, ExchangeEntry } from "./access-log/entry.ts";
import { type AccessLogFormat, colouredShort, FORMATS, type FormatName } from "./access-log/formats.ts";
import { LogFile } from "./access-log/log-file.ts";
import { LogStream, type LogTarget } from "./access-log/log-stream.ts";

export type { AccessLogEntry } from "./access-log/entry.ts";
export type { AccessLogFormat } from "./access-log/formats.ts";
export type { LogTarget } from "./access-log/log-stream.ts";

/** Options of `accessLog`. */
export interface AccessLogOptions {
  /**
   * How a line is written. `"common"` and `"combined"` are the formats of Apache and nginx, which tools for logs parse; `"json"`
   * is an object a line, with duration, outcome, mount and ids as well; `"short"` is short, and coloured on a terminal. A function
   * is given an entry and returns a line, or undefined for none; it escapes what came from the client. Default `"combined"`, or
   * `"short"` where `to` is a terminal.
   */
  format?: "common" | "combined" | "json" | "short" | AccessLogFormat | undefined;
  /**
   * Where lines go: the path of a file, which is appended to; a stream of Node; or an object with `write(text)`, which gets the
   * lines of one turn of the event loop at once. Default `process.stdout`.
   */
  to?: string | LogTarget | undefined;
}

/** An app whose requests are logged. */
export interface AccessLog extends App {
  /** Writes what was gathered, and opens the file anew: after it was renamed (logrotate). Throws where that fails. */
  reopen(): void;
  /** Writes what was gathered, and closes the file. */
  close(): void;
  /** Logs what was not a request of this app: one that its server has refused, for example. */
  add(entry: AccessLogEntry): void;
}

const TARGET: Kind = {
  expected: "the path of a file, a stream or an object with write",
  accepts: (value) => typeof (value as Partial<LogTarget> | null)?.write === "function",
};

/**
 * accessLog writes a line for each request of `app` once its response has been sent, cut, or given up since its client has
 * left, with what the client got: the status, also of an error that the server has answered, and the bytes that were sent.
 * Mount, user and address are those of the innermost app. A request is one line, however often the app was called for it.
 *
 * Lines are gathered for a turn of the event loop. Control characters and quotes of a client are escaped. A destination that
 * fails or stands still costs lines, of which a megabyte waits for it; that is reported to `tsgi.errors`, and costs no request.
 *
 * Needs a server that tells how an exchange ends (`exchange.onEnd`), as all of tsgi's do. Throws `TSGI_BAD_OPTION`, and the
 * error of the system for a file that cannot be opened.
 */
export function accessLog(app: App, options: AccessLogOptions = {}): AccessLog {
  checkApp(app, "accessLog");
  checkOptions("accessLog", options, {
    format: either(oneOf("common", "combined", "json", "short"), FUNCTION),
    to: either(STRING, TARGET),
  });
  const { to = process.stdout } = options;
  const format = formatOf(options.format, to);
  let log: Pick<Environ, "tsgi.errors"> | undefined;
  const onError = (error: unknown) => {
    if (log !== undefined) writeError(log as Environ, error, "accessLog");
  };
  const destination = new Destination(typeof to === "string" ? new LogFile(to) : new LogStream(to, onError), onError);
  /** All layers hear of an end one after the other, and of the same. */
  let lastEnd: unknown;

  const outer: App = function accessLog(environ, startResponse) {
    const exchange = environ["tsgi.exchange"];
    if (exchange.onEnd !== undefined) {
      log ??= { "tsgi.errors": environ["tsgi.errors"] };
      traceInnermost(environ);
      const begun = performance.now();
      exchange.onEnd((end) => {
        if (end === lastEnd) return;
        lastEnd = end;
        const duration = performance.now() - begun;
        write(new ExchangeEntry(environ, end, destination.time - duration, duration));
      });
    }
    return app(environ, startResponse);
  };
  return wrapping(
    Object.assign(outer, {
      reopen: () => destination.reopen(),
      close: () => destination.close(),
      add: (entry: AccessLogEntry) => callOut(() => write(entry), onError),
    }),
    app,
  );

  function write(entry: AccessLogEntry): void {
    const line = format(entry);
    if (line !== undefined) destination.add(line);
  }
}

function formatOf(format: AccessLogOptions["format"], to: string | LogTarget): AccessLogFormat {
  const isTerminal = typeof to !== "string" && (to as { isTTY?: boolean }).isTTY === true;
  if (typeof format === "function") return format;
  const name: FormatName = format ?? (isTerminal ? "short" : "combined");
  // https://no-color.org
  return name === "short" && isTerminal && !process.env.NO_COLOR ? colouredShort : FORMATS[name];
}
