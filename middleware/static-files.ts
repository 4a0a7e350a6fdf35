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

import { extname } from "node:path";
import { contentType } from "mime-types";
import rangeParser from "range-parser";
import { redirect, text } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import type { App, Body, Environ, HeaderList, StartResponse } from "../src/gateway.ts";
import { PathTree } from "../src/path-tree.ts";
import { compilePattern } from "../src/pattern.ts";
import { checkPreconditions, isRangeOfThis } from "../src/precondition.ts";
import { checkApp } from "../src/stack.ts";
import { type Exported, type ExportSource, fileNameFor, findExported } from "./static/exported.ts";
import { FileBody } from "./static/file-body.ts";
import { type Opened, type OpenFile, openFile } from "./static/open-file.ts";

/** What is served, by the prefix it is served under. */
export type Exports = Readonly<Record<string, ExportSource>>;

/** How files are served. */
export interface StaticFilesOptions {
  /** How long a client may use a file without asking again, in milliseconds. Default 0: it asks each time (`no-cache`). */
  maxAge?: number;
  /** The file that a folder is answered with. Default `"index.html"`; `false` leaves folders to the app. */
  index?: string | false;
  /** Whether files and folders whose name starts with a dot are served. Default `false`: but for `/.well-known/`. */
  dotfiles?: boolean;
}

/**
 * staticFiles answers GET and HEAD for the files that are there, and leaves everything else to `app`: other methods, other
 * paths, and names that are no file inside the exported folder (traversal, symbolic links that lead out, dotfiles, FIFOs,
 * sockets and devices among them). The longest prefix wins.
 *
 * 200 with `Content-Type`, `Content-Length`, `Last-Modified`, a strong `ETag` and `Cache-Control`; 206 for a single range,
 * 416 for one beyond the end; 304 and 412 as the preconditions ask (RFC 9110 §13, §14); 301 from a folder without its
 * trailing slash; 403 for a file that may not be read, with the reason in `tsgi.errors`. A file that is changed while it is
 * being sent cuts the connection.
 *
 * Throws `TSGI_BAD_EXPORT` for a prefix or a source that cannot be served, `TSGI_BAD_OPTION` for an option.
 */
export function staticFiles(app: App, exports: Exports, options: StaticFilesOptions = {}): App {
  checkApp(app, "staticFiles");
  const { index = "index.html", dotfiles = false } = options;
  const cacheControl = cacheControlFor(options.maxAge ?? 0);
  const tree = exportTree(exports);

  return function staticFiles(environ, startResponse) {
    if (environ.REQUEST_METHOD !== "GET" && environ.REQUEST_METHOD !== "HEAD") return app(environ, startResponse);
    const { literal: exported, length } = tree.find(environ.PATH_INFO);
    if (exported === undefined) return app(environ, startResponse);
    const rest = environ.PATH_INFO.slice(length);
    const name = exported.isFolder
      ? fileNameFor(exported.path, rest, dotfiles)
      : rest === ""
        ? exported.path
        : undefined;
    if (name === undefined) return app(environ, startResponse);
    return answer(environ, startResponse, name, exported);
  };

  async function answer(
    environ: Environ,
    startResponse: StartResponse,
    name: string,
    exported: Exported,
  ): Promise<Body> {
    const isFolderPath = environ.PATH_INFO.endsWith("/");
    let served = name;
    let opened: Opened;
    try {
      opened = await openFile(name, exported.path);
      if (opened === "folder" && index !== false) {
        served = `${name}/${index}`;
        opened = await openFile(served, exported.path);
        if (opened !== undefined && opened !== "folder" && !isFolderPath) {
          await opened.handle.close();
          return redirect(withSlash(environ), MOVED)(environ, startResponse);
        }
      } else if (isFolderPath && opened !== undefined && opened !== "folder") {
        await opened.handle.close();
        opened = undefined;
      }
    } catch (error) {
      if (!isDenied(error)) throw error;
      environ["tsgi.errors"].write(`${environ.REQUEST_METHOD} ${environ.REQUEST_URI}: ${(error as Error).message}\n`);
      return forbidden(environ, startResponse);
    }
    if (opened === undefined || opened === "folder") return app(environ, startResponse);
    return send(environ, startResponse, opened, typeOf(served), cacheControl);
  }
}

/** Sends an open file, or as much of it as was asked for; what is not returned as a body is closed here. */
async function send(
  environ: Environ,
  startResponse: StartResponse,
  file: OpenFile,
  type: string,
  cacheControl: string,
): Promise<Body> {
  const validators: HeaderList = [
    ["Last-Modified", new Date(file.modified * 1000).toUTCString()],
    ["ETag", file.etag],
    ["Cache-Control", cacheControl],
  ];
  let body: FileBody | undefined;
  try {
    const verdict = checkPreconditions(environ, file);
    if (verdict === "failed") return preconditionFailed(environ, startResponse);
    if (verdict === "not modified") {
      startResponse("304 Not Modified", validators);
      return undefined;
    }
    const headers: HeaderList = [
      ["Content-Type", type],
      ["X-Content-Type-Options", "nosniff"],
      ["Accept-Ranges", "bytes"],
      ...validators,
    ];
    const range = rangeOf(environ, file);
    if (range === "unsatisfiable") {
      startResponse("416 Range Not Satisfiable", [["Content-Range", `bytes */${file.size}`], ...validators]);
      return undefined;
    }
    const { start, end } = range ?? { start: 0, end: file.size - 1 };
    headers.push(["Content-Length", String(end + 1 - start)]);
    if (range === undefined) startResponse("200 OK", headers);
    else startResponse("206 Partial Content", [...headers, ["Content-Range", `bytes ${start}-${end}/${file.size}`]]);
    if (environ.REQUEST_METHOD === "GET") body = new FileBody(file, start, end + 1);
    return body;
  } finally {
    if (body === undefined) await file.handle.close();
  }
}

/** The single range that is asked for; undefined where the whole file is to be sent (RFC 9110 §14.2). */
function rangeOf(environ: Environ, file: OpenFile): { start: number; end: number } | "unsatisfiable" | undefined {
  const header = environ.HTTP_RANGE;
  if (header === undefined || environ.REQUEST_METHOD !== "GET" || !isRangeOfThis(environ, file)) return undefined;
  if (!/^bytes=(?:\d+-\d*|-\d+)$/.test(header.trim())) return undefined;
  const ranges = rangeParser(file.size, header.trim());
  if (ranges === -2) return undefined;
  return ranges === -1 ? "unsatisfiable" : ranges[0];
}

const MOVED = { status: "301 Moved Permanently" } as const;
const forbidden = text("Forbidden\n", { status: "403 Forbidden" });
const preconditionFailed = text("Precondition Failed\n", { status: "412 Precondition Failed" });

/** The same path as a folder, query kept. One leading slash: two would name another host. */
function withSlash({ SCRIPT_NAME, PATH_INFO, QUERY_STRING }: Environ): string {
  const path = `${SCRIPT_NAME}${PATH_INFO}/`.replace(/^[/\\]+/, "/");
  return QUERY_STRING === "" ? path : `${path}?${QUERY_STRING}`;
}

function isDenied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM";
}

const types = new Map<string, string>();

/** The content type by the extension of a file name, with its charset. */
function typeOf(name: string): string {
  const extension = extname(name).toLowerCase();
  let type = types.get(extension);
  if (type === undefined) {
    type = contentType(extension) || "application/octet-stream";
    if (types.size < 1000) types.set(extension, type);
  }
  return type;
}

function cacheControlFor(maxAge: number): string {
  if (!(Number.isFinite(maxAge) && maxAge >= 0)) {
    throw new TsgiError("TSGI_BAD_OPTION", `maxAge is ${maxAge}`, { hint: "Give milliseconds; 0 asks each time." });
  }
  return maxAge < 1000 ? "no-cache" : `public, max-age=${Math.floor(maxAge / 1000)}`;
}

function exportTree(exports: Exports): PathTree<Exported> {
  const tree = new PathTree<Exported>();
  for (const [key, source] of Object.entries(exports)) {
    const pattern = compilePattern(key, "prefix", "TSGI_BAD_EXPORT");
    if (pattern.match !== undefined || !tree.add(pattern, findExported(key, source))) {
      const problem = pattern.match === undefined ? "stands twice" : "is a pattern";
      throw new TsgiError("TSGI_BAD_EXPORT", `${JSON.stringify(key)} ${problem}`, {
        hint: "Give each export a path of its own.",
      });
    }
  }
  return tree;
}
