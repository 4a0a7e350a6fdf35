/** What is kept of a request for as long as its WebSocket is open: all but its headers, and what has read them. */

import { writeError } from "../../src/exchange/report.ts";
import type { Environ, Exchange } from "../../src/gateway.ts";

/** What the server still does for an exchange that is over. */
class KeptExchange implements Exchange {
  readonly server: object | undefined;
  readonly #reporter: Exchange["reporter"];
  #environ: Environ | undefined;

  constructor({ server, reporter }: Exchange) {
    this.server = server;
    this.#reporter = reporter;
  }

  belongTo(environ: Environ): void {
    this.#environ = environ;
  }

  report(error: unknown): void {
    if (this.#reporter === undefined) writeError(this.#environ as Environ, error);
    else this.#reporter(error, this.#environ as Environ);
  }
}

/** An environ to keep. Thousands of sockets have one each: a whole environ would cost as much as half of a socket. */
export function keptEnviron(environ: Environ): Environ {
  const exchange = new KeptExchange(environ["tsgi.exchange"]);
  // A literal: V8 keeps an object that was given many computed keys as a table.
  const kept: Environ = {
    REQUEST_METHOD: environ.REQUEST_METHOD,
    SCRIPT_NAME: detached(environ.SCRIPT_NAME),
    PATH_INFO: detached(environ.PATH_INFO),
    QUERY_STRING: detached(environ.QUERY_STRING),
    REQUEST_URI: detached(environ.REQUEST_URI),
    SERVER_NAME: environ.SERVER_NAME,
    SERVER_PORT: environ.SERVER_PORT,
    SERVER_PROTOCOL: environ.SERVER_PROTOCOL,
    REMOTE_ADDR: environ.REMOTE_ADDR,
    REMOTE_PORT: environ.REMOTE_PORT,
    "tsgi.version": environ["tsgi.version"],
    "tsgi.url_scheme": environ["tsgi.url_scheme"],
    "tsgi.input": environ["tsgi.input"],
    "tsgi.errors": environ["tsgi.errors"],
    "tsgi.multithread": environ["tsgi.multithread"],
    "tsgi.multiprocess": environ["tsgi.multiprocess"],
    "tsgi.run_once": environ["tsgi.run_once"],
    "tsgi.exchange": exchange,
    "tsgi.params": environ["tsgi.params"],
    "tsgi.route": environ["tsgi.route"] ?? "",
    "tsgi.state": environ["tsgi.state"],
  };
  exchange.belongTo(kept);
  return withOthers(kept, environ);
}

/** Adds what layers have added: who the user is, for one. */
function withOthers(kept: Environ, environ: Environ): Environ {
  let others: Record<string, unknown> | undefined;
  for (const key in environ) {
    if (key.startsWith("HTTP_") || key in kept) continue;
    others ??= {};
    others[key] = environ[key as keyof Environ];
  }
  return others === undefined ? kept : Object.assign(kept, others);
}

/** A string of its own: a part of another one keeps all of that in memory, which here is the head of the request. */
function detached(text: string): string {
  return text.length < 13 ? text : (JSON.parse(JSON.stringify(text)) as string);
}
