/**
 * Serves folders and files, after werkzeug's `SharedDataMiddleware`.
 *
 * ```ts
 * export const app = staticFiles(site, {
 *   "/static": "./public",
 *   "/favicon.ico": "./public/favicon.ico",
 *   "/vendor": ["some-package", "dist"],
 * });
 * ```
 */

import { sep } from "node:path";
import { finish } from "../src/body.ts";
import { TsgiError } from "../src/errors.ts";
import { fileNames, isFileName } from "../src/file-name.ts";
import type { App, Body, Environ, StartResponse } from "../src/gateway.ts";
import { canonicalPath, canonicalPrefix } from "../src/path.ts";
import { PathTree } from "../src/path-tree.ts";
import { checkApp } from "../src/stack.ts";
import { type Answer, judge, moved, type Policy, refusal } from "./static/answer.ts";
import { type Exported, type ExportSource, findExported } from "./static/exported.ts";

export type { ExportSource } from "./static/exported.ts";

import { CHUNK, FileBody } from "./static/file-body.ts";
import { mediaType } from "./static/media-type.ts";
import { isChanged, type OpenFile, openFile } from "./static/open-file.ts";

/** What is served, by the prefix it is served under. */
export type Exports = Readonly<Record<string, ExportSource>>;

/** How files are served. */
export interface StaticFilesOptions {
  /**
   * How long a client may use a file without asking again, in milliseconds, in whole seconds. Default 0: it keeps the file
   * but asks each time (`no-cache`), so it never shows an old one, at the price of a 304. More suits names that change with
   * what is in the file, such as `app.3f2a1b9c.js`.
   */
  maxAge?: number;
  /** The file that a folder is answered with. Default `"index.html"`; `false` leaves folders to the app. */
  index?: string | false;
  /** Whether files and folders whose name starts with a dot are served. Default `false`: but for `/.well-known/`. */
  dotfiles?: boolean;
}

/**
 * staticFiles answers GET and HEAD for the files that are there, and leaves everything else to `app`: other methods, other
 * paths, and names that are no file inside the exported folder (traversal, symbolic links that lead out, dotfiles, FIFOs,
 * sockets and devices among them). The longest prefix wins; what is not there is not looked for under a shorter one.
 *
 * 200 with `Content-Type`, `Content-Length`, `Last-Modified`, a strong `ETag` of size and modification time, and
 * `Cache-Control`; 206 for a single range, 416 for one beyond the end, the whole file for several; 304 and 412 as the
 * preconditions ask (RFC 9110 §13, §14); 301 from a folder without its trailing slash, where it has an index; 403 for a file
 * that may not be read, with the reason in `tsgi.errors`.
 *
 * A file that is written to while it is being sent cuts the connection, one that grows as well: replace files by renaming.
 * Whoever may write in an exported folder can publish what the server may read, by a hard link for example.
 *
 * Throws `TSGI_BAD_EXPORT` for a prefix or a source that cannot be served, `TSGI_BAD_OPTION` for an option.
 */
export function staticFiles(app: App, exports: Exports, options: StaticFilesOptions = {}): App {
  checkApp(app, "staticFiles");
  const { maxAge = 0, index = "index.html", dotfiles = false } = options;
  const policy: Policy = { cacheControl: cacheControlFor(maxAge), index: checkIndex(index) };
  const nameRules = { dotfiles, windows: process.platform === "win32" };
  const tree = exportTree(exports);

  return function staticFiles(environ, startResponse) {
    const { REQUEST_METHOD: method, PATH_INFO: path } = environ;
    if (method !== "GET" && method !== "HEAD") return app(environ, startResponse);
    const { literal: exported, length } = tree.find(path);
    if (exported === undefined || !isCanonical(path)) return app(environ, startResponse);
    const rest = path.slice(length);
    if (!exported.isFolder) {
      if (rest !== "" && path !== "/") return app(environ, startResponse);
      return answer(app, environ, startResponse, { exported, name: exported.path, isFolder: false }, policy);
    }
    const names = fileNames(rest, nameRules);
    if (names === undefined) return app(environ, startResponse);
    const wanted = { exported, name: joined(exported.path, names), isFolder: rest.endsWith("/") };
    return answer(app, environ, startResponse, wanted, policy);
  };
}

/** What a path asks for. */
interface Wanted {
  readonly exported: Exported;
  /** The name of the file or folder. */
  readonly name: string;
  /** Whether the path ends in a slash, so that only a folder is meant. */
  readonly isFolder: boolean;
}

async function answer(
  app: App,
  environ: Environ,
  startResponse: StartResponse,
  wanted: Wanted,
  policy: Policy,
): Promise<Body> {
  const found = await lookUntilStill(environ, wanted, policy, ATTEMPTS);
  if (found === undefined) return app(environ, startResponse);
  try {
    startResponse(found.status, found.headers);
  } catch (error) {
    await finish(found.body);
    throw error;
  }
  return found.body;
}

/** How often a small file is read that somebody writes to at the same time. */
const ATTEMPTS = 5;

async function lookUntilStill(
  environ: Environ,
  wanted: Wanted,
  policy: Policy,
  attempts: number,
): Promise<Answer | undefined> {
  try {
    return await look(environ, wanted, policy);
  } catch (error) {
    if (isChanged(error) && attempts > 1) return lookUntilStill(environ, wanted, policy, attempts - 1);
    if (!isDenied(error)) throw error;
    environ["tsgi.errors"].write(`${environ.REQUEST_METHOD} ${environ.REQUEST_URI}: ${(error as Error).message}\n`);
    return refusal("403 Forbidden");
  }
}

/** The answer for what is there; undefined where nothing is. */
async function look(environ: Environ, wanted: Wanted, policy: Policy): Promise<Answer | undefined> {
  const { exported, name, isFolder } = wanted;
  if (!isFolder) {
    const opened = await openFile(name, exported);
    if (opened === undefined) return undefined;
    if (opened !== "folder") return fileAnswer(environ, opened, name, policy);
  }
  if (policy.index === undefined || !exported.isFolder) return undefined;
  const index = joined(name, [policy.index]);
  const opened = await openFile(index, exported);
  if (opened === undefined || opened === "folder") return undefined;
  if (isFolder) return fileAnswer(environ, opened, index, policy);
  void opened.close();
  return moved(environ, policy);
}

/** An open file, or as much of it as was asked for. What is small is read at once, and what is no body closed here. */
async function fileAnswer(environ: Environ, file: OpenFile, name: string, policy: Policy): Promise<Answer> {
  let body: FileBody | undefined;
  try {
    const judged = judge(environ, file, mediaType(name), policy);
    if (judged.part === undefined || environ.REQUEST_METHOD === "HEAD") return judged;
    const { first, last } = judged.part;
    const length = last + 1 - first;
    if (length <= CHUNK) return { ...judged, body: await file.read(first, length, true) };
    body = new FileBody(file, judged.part);
    return { ...judged, body };
  } finally {
    if (body === undefined) void file.close();
  }
}

function isDenied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM";
}

/** Servers canonicalise paths; what else calls an app may not, and a guard around it has seen another path then. */
function isCanonical(path: string): boolean {
  return path === "" || canonicalPath(path, false) === path;
}

function joined(folder: string, names: readonly string[]): string {
  if (names.length === 0) return folder;
  return `${folder}${folder.endsWith(sep) ? "" : sep}${names.join(sep)}`;
}

function cacheControlFor(maxAge: number): string {
  if (!(Number.isFinite(maxAge) && maxAge >= 0)) {
    throw new TsgiError("TSGI_BAD_OPTION", `maxAge is ${maxAge}`, { hint: "Give milliseconds; 0 asks each time." });
  }
  // Not `public`: that would let shared caches keep what was sent to somebody who had to log in (RFC 9111 §3.5).
  return maxAge < 1000 ? "no-cache" : `max-age=${Math.floor(maxAge / 1000)}`;
}

function checkIndex(index: string | false): string | undefined {
  if (index === false) return undefined;
  if (typeof index === "string" && isFileName(index)) return index;
  throw new TsgiError("TSGI_BAD_OPTION", `index is ${JSON.stringify(index)}`, {
    hint: 'Give the name of a file, "index.html", or false for none.',
  });
}

function exportTree(exports: Exports): PathTree<Exported> {
  const tree = new PathTree<Exported>();
  for (const [key, source] of Object.entries(exports)) {
    const prefix = canonicalPrefix(key);
    if (prefix === undefined) {
      throw new TsgiError("TSGI_BAD_EXPORT", `${JSON.stringify(key)} is no path`, {
        hint: 'Write "/static": a path from the root, without query and malformed escapes.',
      });
    }
    if (!tree.add({ head: prefix, match: undefined, identity: prefix }, findExported(key, source))) {
      throw new TsgiError("TSGI_BAD_EXPORT", `${JSON.stringify(key)} stands twice`, {
        hint: "Keys are the same when their canonical paths are: /static/ is /static.",
      });
    }
  }
  return tree;
}
