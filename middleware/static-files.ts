/**
 * Serves folders and files, after werkzeug's `SharedDataMiddleware`.
 *
 * ```ts
 * export const app = staticFiles(site, {
 *   "/static": "./public",
 *   "/theme": ["./theme", "./default-theme"],
 *   "/favicon.ico": "./public/favicon.ico",
 *   "/vendor": ["some-package", "dist"],
 * });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Body, Environ, StartResponse } from "../src/gateway.ts";
import { isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { Answers } from "./static-files/answers.ts";
import { settledAnswer } from "./static-files/attempts.ts";
import { type Exports, findExports } from "./static-files/exports.ts";
import type { StaticFilesOptions } from "./static-files/options.ts";
import { policyOf } from "./static-files/policy.ts";
import { refusal } from "./static-files/refusal.ts";
import { ResourceCache } from "./static-files/resource-cache.ts";

export type { ExportSource, Exports } from "./static-files/exports.ts";
export type { FileSystem } from "./static-files/file-system.ts";
export type { MemoryOptions, ServedFile, StaticFilesOptions } from "./static-files/options.ts";
export type { PathTest } from "./static-files/path-test.ts";
export type { Encoding } from "./static-files/variant.ts";

/**
 * staticFiles answers GET and HEAD for files, and leaves everything else to `app`: other methods, other paths, and names that
 * are not a file inside the exported folder (traversal, symbolic links that lead out, dotfiles, FIFOs, sockets and devices
 * among them). The longest prefix wins; a missing file is not looked for under a shorter one.
 *
 * 200 with `Content-Type`, `Content-Length`, `Last-Modified`, a strong `ETag` and `Cache-Control`; 206 for ranges, several of
 * them as `multipart/byteranges`, 416 for ranges beyond the end; 304 and 412 as the preconditions ask (RFC 9110 §13, §14);
 * 406 where a client refuses every coding of the file; 301 from a folder without its trailing slash, where it has an index or
 * a listing; 403 for a file that may not be read, with the reason in `tsgi.errors`; 503 for a file that is being written all
 * the time, and when the process has run out of descriptors.
 *
 * There is no `Last-Modified` for files dated before 1991: builds that have to be reproducible set such times. A file that is
 * written to while it is being sent cuts the connection: replace files by renaming. One that grows does so only if it is
 * sent as a whole, and not with `appendOnly`.
 *
 * Small files are answered from memory; a change on the disk is seen after `memory.interval` milliseconds at the latest.
 * Anyone who can write to an exported folder can expose any file the server can read (for example with a hard link).
 *
 * Throws `TSGI_BAD_EXPORT` for a prefix or a source that cannot be served, `TSGI_BAD_OPTION` for an option.
 */
export function staticFiles(app: App, exports: Exports, options: StaticFilesOptions = {}): App {
  checkApp(app, "staticFiles");
  const policy = policyOf(options);
  const cache = new ResourceCache(findExports(exports, policy), policy);
  const answers = new Answers(cache, policy);

  function pass(environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    if (policy.fallthrough || cache.exportOf(environ.PATH_INFO) === undefined) return app(environ, startResponse);
    const isRead = environ.REQUEST_METHOD === "GET" || environ.REQUEST_METHOD === "HEAD";
    return respond(isRead ? NOT_FOUND : METHOD_NOT_ALLOWED, startResponse);
  }

  async function respondLater(
    environ: Environ,
    startResponse: StartResponse,
    pending: Promise<AppResponse | undefined>,
  ): Promise<Body> {
    const answer = await settledAnswer(answers, environ, pending);
    return answer === undefined ? pass(environ, startResponse) : respond(answer, startResponse);
  }

  const outer: App = function staticFiles(environ, startResponse) {
    const { REQUEST_METHOD: method, PATH_INFO: path } = environ;
    if (method !== "GET" && method !== "HEAD") return pass(environ, startResponse);
    const cached = cache.get(path);
    if (cached === undefined && cache.exportOf(path) === undefined) return app(environ, startResponse);
    const answer = cached === undefined ? answers.find(environ) : answers.with(environ, cached);
    if (isPromise(answer)) return respondLater(environ, startResponse, answer);
    return answer === undefined ? pass(environ, startResponse) : respond(answer, startResponse);
  };
  return wrapping(outer, app);
}

const NOT_FOUND = refusal("404 Not Found");
const METHOD_NOT_ALLOWED = refusal("405 Method Not Allowed", [["Allow", "GET, HEAD"]]);
