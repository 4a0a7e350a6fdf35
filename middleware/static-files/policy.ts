/** The options of `staticFiles`, checked and compiled once, when the app is built. */

import { BoundedMap } from "../../src/bounded-map.ts";
import { TsgiError } from "../../src/errors.ts";
import type { Environ } from "../../src/gateway.ts";
import { immediate } from "../../src/immediate.ts";
import { checkOptions } from "../../src/options.ts";
import { type FileNameRules, isFileName } from "./file-name.ts";
import { type FileSystem, NODE_FILE_SYSTEM } from "./file-system.ts";
import { isFingerprinted } from "./fingerprint.ts";
import { type ContentEncodings, contentEncodings, isKnownType, type MediaTypes, mediaTypes } from "./media-type.ts";
import { isNavigation } from "./navigation.ts";
import { KINDS, MEMORY_KINDS, type MemoryOptions, type StaticFilesOptions } from "./options.ts";
import { type IsAmong, pathTest } from "./path-test.ts";
import { type Encoding, VARIANTS } from "./variant.ts";

/** The options, ready. */
export interface Policy {
  readonly index: readonly string[];
  /** With their dots. */
  readonly extensions: readonly string[];
  readonly redirects: boolean;
  /** The path of the file that answers a request for which there is none; undefined where the request is not for one. */
  readonly navigationFallback: ((environ: Environ) => string | undefined) | undefined;
  readonly notFoundPage: string | undefined;
  readonly listing: boolean;
  readonly filter: IsAmong | undefined;
  readonly names: FileNameRules;
  readonly followsLinks: boolean;
  readonly encodings: readonly Encoding[];
  readonly typeOf: MediaTypes;
  /** The coding that a file is stored in. */
  readonly storedEncodingOf: ContentEncodings;
  readonly headers: StaticFilesOptions["headers"];
  readonly headersFor: StaticFilesOptions["headersFor"];
  readonly fallthrough: boolean;
  readonly isAppendOnly: IsAmong;
  readonly allowMissing: boolean;
  readonly memory: Required<MemoryOptions> | undefined;
  readonly manifest: boolean;
  readonly fs: FileSystem;
  readonly cacheControl: string;
  readonly isImmutable: IsAmong;
  readonly etag: StaticFilesOptions["etag"];
  /** Files of up to this size are tagged by their content by default. */
  readonly taggedSize: number;
  /** Hashes of contents by the versions of their files. */
  readonly hashes: BoundedMap<string, string>;
}

/** Checks the options of `owner`. Throws `TSGI_BAD_OPTION`. */
export function policyOf(options: StaticFilesOptions, owner: string = "staticFiles"): Policy {
  checkOptions(owner, options, KINDS);
  const { maxAge = 0, immutable = false, index = "index.html", extensions = [], redirect = true } = options;
  const { navigationFallback, notFoundPage, listing = false, filter, dotfiles = false, symlinks = "inside" } = options;
  const { precompressed = true, types = {}, contentEncodings: stored = {}, headers, headersFor, etag } = options;
  const { fallthrough = true, appendOnly = false, allowMissing = false, manifest = false } = options;
  const memory = options.memory === false ? undefined : memoryLimits(owner, options.memory ?? {});
  const storedEncodingOf = contentEncodings({ ".svgz": "gzip", ...stored });
  return {
    index: index === false ? [] : checkNames("index", typeof index === "string" ? [index] : index),
    extensions: checkNames("extensions", extensions).map((extension) => `.${extension.replace(/^\./, "")}`),
    redirects: redirect,
    navigationFallback: navigationFallback === undefined ? undefined : fallbackOf(navigationFallback),
    notFoundPage: notFoundPage === undefined ? undefined : filePath("notFoundPage", notFoundPage),
    listing,
    filter: filter && immediate("filter of staticFiles", filter),
    names: { dotfiles, windows: process.platform === "win32" },
    followsLinks: symlinks === "follow",
    encodings: precompressed === true ? VARIANTS.map(({ encoding }) => encoding) : precompressed || [],
    typeOf: mediaTypes(types, storedEncodingOf),
    storedEncodingOf,
    headers: headers && immediate("headers of staticFiles", headers),
    headersFor: headersFor && immediate("headersFor of staticFiles", headersFor),
    fallthrough,
    isAppendOnly: pathTest(appendOnly),
    allowMissing,
    memory,
    manifest,
    fs: options.fs ?? NODE_FILE_SYSTEM,
    // Not `public`: that would let shared caches keep what was sent to users who had to log in (RFC 9111 §3.5).
    cacheControl: maxAge < 1000 ? "no-cache" : `max-age=${Math.floor(maxAge / 1000)}`,
    isImmutable: pathTest(immutable, isFingerprinted),
    etag: typeof etag === "function" ? immediate("etag of staticFiles", etag) : etag,
    taggedSize: etag === "content" ? Number.POSITIVE_INFINITY : (memory?.fileSize ?? FILE_SIZE),
    hashes: new BoundedMap(2000),
  };
}

const FILE_SIZE = 65_536;

function memoryLimits(owner: string, options: MemoryOptions): Required<MemoryOptions> {
  checkOptions(`the memory of ${owner}`, options, MEMORY_KINDS);
  const { fileSize = FILE_SIZE, totalSize = 67_108_864, interval = 250 } = options;
  return { fileSize, totalSize, interval };
}

function checkNames(option: string, names: readonly string[]): readonly string[] {
  if (names.every(isFileName)) return names;
  throw badOption(option, names, option === "index" ? 'Give the name of a file, "index.html".' : 'Give ["html"].');
}

function fallbackOf(fallback: string | ((environ: Environ) => string | undefined)): Policy["navigationFallback"] {
  if (typeof fallback === "string") {
    const path = filePath("navigationFallback", fallback);
    return (environ) => (isNavigation(environ, isKnownType) ? path : undefined);
  }
  const choose = immediate("navigationFallback of staticFiles", fallback);
  return function chosenFallback(environ) {
    const path = choose(environ);
    return path === undefined ? undefined : filePath("navigationFallback", path);
  };
}

/** The path of a file below an export, with a slash before it. */
function filePath(option: string, given: unknown): string {
  const path = typeof given === "string" ? given.replace(/^\.?\//, "") : "";
  if (path.split("/").every(isFileName)) return `/${path}`;
  throw badOption(option, given, 'Give the path of a file below the export: "index.html".');
}

function badOption(option: string, value: unknown, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_OPTION", `${option} is ${JSON.stringify(value) ?? String(value)}`, { hint });
}
