/** The access log of the command. */

import { subscribe } from "node:diagnostics_channel";
import { type AccessLog, type AccessLogEntry, type AccessLogOptions, accessLog } from "../../middleware/access-log.ts";
import type { App } from "../gateway.ts";
import type { RequestRefused } from "../server/engine/events.ts";
import { CommandError } from "./command-error.ts";
import type { Configuration } from "./configuration/configuration.ts";
import { printError } from "./print-lines.ts";

/** What is logged, and how it is opened anew. */
export interface LoggedApp {
  readonly app: App;
  /** Goes on with the file that has the name of the log now; undefined where it is not a file. Does not throw. */
  readonly reopen: (() => void) | undefined;
}

/**
 * commandAccessLog logs the requests of an app where the configuration says, and what the server refuses before the app could
 * see it. Without a setting it logs to a terminal, unless that is told everything or nothing. Throws a `CommandError` for a file
 * that cannot be opened.
 */
export function commandAccessLog(
  app: App,
  { accessLog: { to, format }, verbose, quiet }: Pick<Configuration, "accessLog" | "verbose" | "quiet">,
): LoggedApp {
  const isForTerminal = process.stdout.isTTY && !verbose && !quiet;
  if (to === "off" || (to === undefined && !isForTerminal)) return { app, reopen: undefined };
  const isFile = to !== undefined && to !== "-";
  const log = openLog(app, { to: isFile ? to : process.stdout, format });
  subscribe("tsgi.request.refused", (message) => log.add(new RefusedEntry(message as RequestRefused)));
  return { app: log, reopen: isFile ? () => reopen(log) : undefined };
}

function openLog(app: App, options: AccessLogOptions): AccessLog {
  try {
    return accessLog(app, options);
  } catch (error) {
    throw new CommandError(`the access log cannot be opened: ${(error as Error).message}`, 1);
  }
}

function reopen(log: AccessLog): void {
  try {
    log.reopen();
  } catch (error) {
    printError(`the access log was not opened anew: ${(error as Error).message}`);
  }
}

/** How much of what was not a request is logged, in bytes. */
const MOST_LOGGED = 200;

/** An entry of what was not a request: its first line, as far as it had one. */
class RefusedEntry implements AccessLogEntry {
  readonly time = Date.now();
  readonly duration = 0;
  readonly address: string;
  readonly request: string;
  readonly status: number;
  readonly bytes: number;
  readonly outcome = "complete";
  readonly user = "";
  readonly method = "";
  readonly target = "";
  readonly protocol = "";
  readonly mount = "";
  readonly route = "";
  readonly host = "";
  readonly referer = "";
  readonly userAgent = "";
  readonly requestId = "";
  readonly traceId = "";
  readonly error = undefined;
  readonly environ = undefined;

  constructor({ address, status, received }: RequestRefused) {
    this.address = address;
    this.status = Number(status.slice(0, 3));
    this.bytes = status.length + 1;
    this.request = Buffer.from(received.subarray(0, MOST_LOGGED)).toString("latin1").split(/\r?\n/, 1)[0] as string;
  }
}
