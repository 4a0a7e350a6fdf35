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
import { closeBody } from "../src/body/reader.ts";
import { escapeControls } from "../src/escape.ts";
import type { App, AppResponse, Body, Environ, StartResponse } from "../src/gateway.ts";
import { isPromise } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { refusal } from "./static-files/answer.ts";
import { Responses } from "./static-files/answers.ts";
import type { Exports } from "./static-files/exports.ts";
import { isChanged } from "./static-files/open-file.ts";
import { policyOf, type StaticFilesOptions } from "./static-files/options.ts";
import { ResourceCache } from "./static-files/resource-cache.ts";

export type { ExportSource, Exports } from "./static-files/exports.ts";
export type { MemoryOptions, ServedFile, StaticFilesOptions } from "./static-files/options.ts";
export type { Encoding } from "./static-files/variant.ts";

/**
 * staticFiles answers GET and HEAD for the files that are there, and leaves everything else to `app`: other methods, other
 * paths, and names that are no file inside the exported folder (traversal, symbolic links that lead out, dotfiles, FIFOs,
 * sockets and devices among them). The longest prefix wins; what is not there is not looked for under a shorter one.
 *
 * 200 with `Content-Type`, `Content-Length`, `Last-Modified`, a strong `ETag` of size and modification time, and
 * `Cache-Control`; 206 for ranges, several of them as `multipart/byteranges`, 416 for those beyond the end; 304 and 412 as
 * the preconditions ask (RFC 9110 §13, §14); 406 where a client refuses every coding the file is there in; 301 from a folder
 * without its trailing slash, where it has an index or a listing; 403 for a file that may not be read, with the reason in
 * `tsgi.errors`; 503 for a file that is written to all the time, and where the process can open no more files.
 *
 * A file that is written to while it is being sent cuts the connection, one that grows as well: replace files by renaming.
 * Small files are answered from memory; a change on the disk is seen after `memory.interval` milliseconds at the latest.
 * Whoever may write in an exported folder can publish what the server may read, by a hard link for example.
 *
 * Throws `TSGI_BAD_EXPORT` for a prefix or a source that cannot be served, `TSGI_BAD_OPTION` for an option.
 */
export function staticFiles(app: App, exports: Exports, options: StaticFilesOptions = {}): App {
  checkApp(app, "staticFiles");
  const policy = policyOf(options);
  const catalogue = new ResourceCache(exports, policy);
  const responses = new Responses(catalogue, policy);

  function pass(environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    if (policy.fallthrough || catalogue.exportOf(environ.PATH_INFO) === undefined) return app(environ, startResponse);
    const isRead = environ.REQUEST_METHOD === "GET" || environ.REQUEST_METHOD === "HEAD";
    return send(isRead ? refusal("404 Not Found") : METHOD_NOT_ALLOWED, startResponse);
  }

  async function look(
    environ: Environ,
    startResponse: StartResponse,
    pending: Promise<AppResponse | undefined>,
  ): Promise<Body> {
    const answer = await untilStill(environ, pending);
    if (answer === undefined) return pass(environ, startResponse);
    try {
      return send(answer, startResponse);
    } catch (error) {
      await closeBody(answer.body);
      throw error;
    }
  }

  async function untilStill(
    environ: Environ,
    first: Promise<AppResponse | undefined>,
  ): Promise<AppResponse | undefined> {
    let pending = first;
    for (let attempt = 1; ; attempt++) {
      try {
        return await pending;
      } catch (error) {
        if (!isChanged(error) || attempt === ATTEMPTS) return refusalFor(error, environ);
        catalogue.forget(environ.PATH_INFO);
        pending = responses.find(environ);
      }
    }
  }

  const outer: App = function staticFiles(environ, startResponse) {
    const { REQUEST_METHOD: method, PATH_INFO: path } = environ;
    if (method !== "GET" && method !== "HEAD") return pass(environ, startResponse);
    const known = catalogue.known(path);
    if (known === undefined && catalogue.exportOf(path) === undefined) return app(environ, startResponse);
    const answer = known === undefined ? responses.find(environ) : responses.to(environ, known);
    if (isPromise(answer)) return look(environ, startResponse, answer);
    return answer === undefined ? pass(environ, startResponse) : send(answer, startResponse);
  };
  return wrapping(outer, app);
}

/** How often a file is looked at that somebody writes to at the same time. */
const ATTEMPTS = 3;

const METHOD_NOT_ALLOWED = refusal("405 Method Not Allowed", [["Allow", "GET, HEAD"]]);

function send({ status, headers, body }: AppResponse, startResponse: StartResponse): Body {
  startResponse(status, headers);
  return body;
}

const DENIED = new Set(["EACCES", "EPERM"]);
const EXHAUSTED = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/** What goes wrong for reasons of the file system is answered, and reported; all else is the edge's. */
function refusalFor(error: unknown, environ: Environ): AppResponse {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const isTemporary = EXHAUSTED.has(code) || isChanged(error);
  if (!isTemporary && !DENIED.has(code)) throw error;
  environ["tsgi.errors"].write(`${environ.REQUEST_METHOD} ${environ.REQUEST_URI}: ${escapeControls(message)}\n`);
  return isTemporary ? refusal("503 Service Unavailable", [["Retry-After", "1"]]) : refusal("403 Forbidden");
}
