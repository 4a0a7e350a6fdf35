/**
 * Answers with one file.
 *
 * ```ts
 * export const app: App = (environ, startResponse) => {
 *   if (environ.HTTP_COOKIE === undefined) return notFound(environ, startResponse);
 *   return sendFile("./reports/2024.pdf", { download: true })(environ, startResponse);
 * };
 * ```
 */

import { respond } from "../src/exchange/respond.ts";
import type { App } from "../src/gateway.ts";
import { immediate } from "../src/immediate.ts";
import { checkOptions, either, type Kinds } from "../src/options.ts";
import { Answers } from "./static-files/answers.ts";
import { attachment } from "./static-files/attachment.ts";
import { settledAnswer } from "./static-files/attempts.ts";
import { type ExportSource, soleExport } from "./static-files/exports.ts";
import { canonicalName, mayName } from "./static-files/file-name.ts";
import { KINDS, type StaticFilesOptions } from "./static-files/options.ts";
import { policyOf } from "./static-files/policy.ts";
import { refusal } from "./static-files/refusal.ts";
import { ResourceCache } from "./static-files/resource-cache.ts";

/** How a file is sent. */
export interface SendFileOptions
  extends Pick<
    StaticFilesOptions,
    | "appendOnly"
    | "contentEncodings"
    | "dotfiles"
    | "etag"
    | "fs"
    | "headers"
    | "headersFor"
    | "immutable"
    | "maxAge"
    | "memory"
    | "precompressed"
    | "symlinks"
    | "types"
  > {
  /**
   * The folder that `path` is below: for paths from a request or a database. A path that leaves the folder, also by a symbolic
   * link, and a dotfile are not found. Default none: `path` is the program's own, and may be anywhere.
   */
  root?: ExportSource;
  /**
   * Whether browsers save the file instead of showing it: `true` under its own name, or the name to suggest. Default `false`.
   */
  download?: boolean | string;
}

/**
 * sendFile makes an app that answers every request with a file, as `staticFiles` does: with its type, validators, ranges and
 * variants for GET and HEAD, and whole for other methods; 404 where it is missing. The file is looked up for each request.
 *
 * An app that is made once may keep the file in memory: `sendFile("./logo.svg", { memory: {} })`. In a handler, where the
 * app is made for each request, nothing is kept; that is the default.
 *
 * Throws `TSGI_BAD_OPTION` for an option, `TSGI_BAD_EXPORT` for a path that is not a string or a file URL.
 */
export function sendFile(path: ExportSource, options: SendFileOptions = {}): App {
  checkOptions("sendFile", options, SEND_KINDS);
  const { root, download = false, memory = false, ...others } = options;
  const policy = policyOf(
    { ...others, ...withDisposition(download, others.headers), memory, index: false },
    "sendFile",
  );
  const pathInfo = root === undefined ? "" : pathBelow(path, policy.names.dotfiles);
  const tree = soleExport(root ?? path, root !== undefined, policy);
  const answers = new Answers(new ResourceCache(tree, policy), policy);
  return async function sendFile(environ, startResponse) {
    if (pathInfo === undefined) return respond(NOT_FOUND, startResponse);
    const inner = { ...environ, PATH_INFO: pathInfo };
    return respond((await settledAnswer(answers, inner, answers.answer(inner))) ?? NOT_FOUND, startResponse);
  };
}

const NOT_FOUND = refusal("404 Not Found");

const SEND_KINDS: Kinds<SendFileOptions> = {
  appendOnly: KINDS.appendOnly,
  contentEncodings: KINDS.contentEncodings,
  dotfiles: KINDS.dotfiles,
  download: either(KINDS.listing, { expected: "the name to suggest", accepts: (value) => typeof value === "string" }),
  etag: KINDS.etag,
  fs: KINDS.fs,
  headers: KINDS.headers,
  headersFor: KINDS.headersFor,
  immutable: KINDS.immutable,
  maxAge: KINDS.maxAge,
  memory: KINDS.memory,
  precompressed: KINDS.precompressed,
  root: { expected: "a folder", accepts: () => true },
  symlinks: KINDS.symlinks,
  types: KINDS.types,
};

/** The canonical path of a file below a root; undefined for paths that may not name one. */
function pathBelow(path: ExportSource, dotfiles: boolean): string | undefined {
  if (typeof path !== "string") return undefined;
  const names = path.replace(/^(?:\.?\/)+/, "").split("/");
  const rules = { dotfiles, windows: process.platform === "win32" };
  return names.every((name) => mayName(name, false, rules)) ? canonicalName(names) : undefined;
}

function withDisposition(
  download: boolean | string,
  headers: StaticFilesOptions["headers"],
): Pick<StaticFilesOptions, "headers"> {
  if (download === false) return headers === undefined ? {} : { headers };
  const own = headers && immediate("headers of sendFile", headers);
  return {
    headers: (path, file) => [
      ["Content-Disposition", attachment(download === true ? path.slice(path.lastIndexOf("/") + 1) : download)],
      ...(own?.(path, file) ?? []),
    ],
  };
}
