/** FastCGI servers as apps. */

import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { FastcgiPool } from "./fastcgi/pool.ts";
import { FastcgiRequest } from "./fastcgi/request.ts";
import { checkCount, type ProgramOptions, type ProgramSetup, programApp } from "./program/program-app.ts";

/** Where a FastCGI server listens: on a port, or on a Unix socket. */
export type FastcgiAddress = { readonly host?: string; readonly port: number } | { readonly path: string };

export interface FastcgiOptions extends ProgramOptions {
  /**
   * How many connections are open at once. Default 16. Further requests wait, for `timeout` at most, and then get a 503. More
   * than the server has processes make requests wait there.
   */
  maxConnections?: number;
  /**
   * How long a connection is kept for the next request, in milliseconds. Default 2,000; 0 keeps none. A process of the server
   * serves no other connection meanwhile.
   */
  keepAliveTimeout?: number;
}

/**
 * A FastCGI server as an app, such as PHP-FPM:
 *
 * ```ts
 * const blog = fastcgi({ path: "/run/php/php-fpm.sock" }, { env: { SCRIPT_FILENAME: "/srv/blog/index.php" } });
 * ```
 *
 * What it is told and what it answers is as with `cgi`. A server that cannot be reached, or ends a connection before its
 * answer is complete, is a 502; one that says that it is overloaded a 503; one that says nothing a 504. A request without a
 * body that may be repeated is sent once more where a kept connection turns out to be closed. When the client goes away the
 * request is aborted, and its connection closed. Source: FastCGI 1.0, role of a responder.
 */
export function fastcgi(
  address: FastcgiAddress,
  { maxConnections = 16, keepAliveTimeout = 2_000, ...options }: FastcgiOptions = {},
): App {
  const name = checkAddress(address);
  checkCount(keepAliveTimeout, "keepAliveTimeout", 0);
  const pool = new FastcgiPool(address, keepAliveTimeout);
  const setup: ProgramSetup = {
    name,
    limit: [maxConnections, "maxConnections"],
    start: (variables, environ) => new FastcgiRequest(pool, variables, environ["tsgi.errors"]),
  };
  const program = programApp(setup, options);

  return function fastcgi(environ, startResponse) {
    return program(environ, startResponse);
  };
}

/** What an address is called in error texts. */
function checkAddress(address: FastcgiAddress): string {
  if (typeof address === "object" && address !== null) {
    if ("path" in address && typeof address.path === "string" && address.path !== "") return address.path;
    const { host = "localhost", port } = address as { host?: string; port: number };
    if (typeof host === "string" && Number.isInteger(port) && port > 0 && port < 65_536) return `${host}:${port}`;
  }
  throw new TsgiError("TSGI_BAD_OPTION", "that is no address of a FastCGI server", {
    hint: 'Give { port: 9000 }, { host, port } or { path: "/run/php-fpm.sock" }.',
  });
}
