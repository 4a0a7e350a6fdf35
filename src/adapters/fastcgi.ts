/** FastCGI servers as apps. */

import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { checkOptions, count } from "../options.ts";
import { FastcgiPool } from "./fastcgi/pool.ts";
import { FastcgiRequest } from "./fastcgi/request.ts";
import {
  MAX_TIME,
  PROGRAM_OPTIONS,
  type ProgramOptions,
  type ProgramSetup,
  programApp,
} from "./program/program-app.ts";

/** Where a FastCGI server listens: on a port, of `localhost` unless told otherwise, or on a Unix socket. */
export type FastcgiAddress = { readonly host?: string; readonly port: number } | { readonly path: string };

/** Options of `fastcgi`. */
export interface FastcgiOptions extends ProgramOptions {
  /**
   * How many connections are open at once. Default 16. Further requests queue, for `timeout` at most, and then get a 503. If
   * the server has fewer processes, requests wait there.
   */
  maxConnections?: number;
  /**
   * How long a connection is kept open for the next request, in milliseconds. Default 2,000; 0 keeps none. Meanwhile a
   * process of the server serves no other connection.
   */
  keepAliveTimeout?: number;
}

/**
 * `fastcgi` makes an app of a FastCGI server, such as PHP-FPM.
 *
 * ```ts
 * const blog = fastcgi({ path: "/run/php/php-fpm.sock" }, { env: { SCRIPT_FILENAME: "/srv/blog/index.php" } });
 * ```
 *
 * Variables and responses are as with `cgi`.
 *
 * - A server that cannot be reached, or that closes the connection before its response is complete, is a 502; one that reports
 *   that it is overloaded a 503; one that makes no progress a 504.
 * - A request without a body that may be repeated (RFC 9110 §9.2.2) is sent once more if the connection that was kept for it
 *   turns out to be closed.
 * - When the client disconnects the request is aborted, and its connection closed.
 *
 * Throws `TSGI_BAD_OPTION`. Source: FastCGI 1.0, responder.
 */
export function fastcgi(address: FastcgiAddress, options: FastcgiOptions = {}): App {
  const name = checkAddress(address);
  checkOptions<FastcgiOptions>("fastcgi", options, {
    ...PROGRAM_OPTIONS,
    maxConnections: count(1),
    keepAliveTimeout: count(0, MAX_TIME),
  });
  const { maxConnections = 16, keepAliveTimeout = 2_000, ...rest } = options;
  const pool = new FastcgiPool(address, keepAliveTimeout);
  const setup: ProgramSetup = {
    name,
    limit: [maxConnections, "maxConnections"],
    start: (variables, errors) => new FastcgiRequest(pool, variables, errors),
  };
  const program = programApp(setup, rest);

  return function fastcgi(environ, startResponse) {
    return program(environ, startResponse);
  };
}

/** The name of an address in error texts. Throws if it is not one. */
function checkAddress(address: FastcgiAddress): string {
  if (typeof address === "object" && address !== null) {
    if ("path" in address && typeof address.path === "string" && address.path !== "") return address.path;
    const { host = "localhost", port } = address as { host?: string; port: number };
    if (typeof host === "string" && Number.isInteger(port) && port > 0 && port < 65_536) return `${host}:${port}`;
  }
  throw new TsgiError("TSGI_BAD_OPTION", "that is not the address of a FastCGI server", {
    hint: 'Give { port: 9000 }, { host, port } or { path: "/run/php-fpm.sock" }.',
  });
}
