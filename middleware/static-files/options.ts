/** The options of `staticFiles`, and what they are made into once, when the app is built. */

import { TsgiError } from "../../src/errors.ts";
import type { HeaderList } from "../../src/gateway.ts";
import { type FileNameRules, isFileName } from "./file-name.ts";
import { type MediaTypes, mediaTypes } from "./media-type.ts";
import { type Encoding, isEncoding, VARIANTS } from "./variant.ts";

/** How files are served. A `path` is a file's below its export, decoded: `"/img/logo.svg"`. */
export interface StaticFilesOptions {
  /**
   * How long a client may use a file without asking again, in milliseconds, in whole seconds. Default 0: it keeps the file
   * but asks each time (`no-cache`), so it never shows an old one, at the price of a 304.
   */
  maxAge?: number;
  /**
   * Which files never change under their name: `true` for those with a fingerprint of eight or more hex digits, letters and
   * digits both (`app.3f2a1b9c.js`, `app-3f2a1b9c.js`), or a pattern of your own for their paths. Clients keep them for a year
   * and do not ask again (`immutable`, RFC 8246), and what is kept in memory is not looked at again. Default `false`: a mistake
   * here cannot be taken back.
   */
  immutable?: boolean | RegExp;
  /** The file that a folder is answered with, or several to try in order. Default `"index.html"`; `false` for none. */
  index?: string | readonly string[] | false;
  /** What may be left out of a name, tried in order: with `["html"]`, `/about` is `about.html`. Default none. */
  extensions?: readonly string[];
  /**
   * The file, by its path below the export, that answers every navigation to what is not there, for pages that route
   * by themselves: GET and HEAD that accept HTML, where the last segment has no extension. Default none.
   */
  fallback?: string;
  /** Lists folders without an index: a page, or JSON for who prefers it. Default `false`. */
  listing?: boolean;
  /** Whether a file is served, and listed. Default: every file. Asked for folders in a listing too, with `/` at the end. */
  filter?: (path: string) => boolean;
  /** Whether files and folders whose name starts with a dot are served. Default `false`: but for `/.well-known/`. */
  dotfiles?: boolean;
  /** Symbolic links: `"inside"`, the default, serves those that stay in the export; `"follow"` serves wherever they lead. */
  symlinks?: "inside" | "follow";
  /**
   * Serves `name.br`, `name.zst` or `name.gz` instead of `name` to clients that take them, where it is not older than
   * the file itself; `tsgi precompress` makes them. Default `true`; a list for some of them, `false` for none.
   */
  precompressed?: boolean | readonly Encoding[];
  /** Content types by extension, before those that are known: `{ ".glsl": "text/plain" }`. */
  types?: Readonly<Record<string, string>>;
  /**
   * Headers of your own for a file, in place of what it would have under the same name. Asked when a file is looked at, not
   * for each request. They go with 200, 206 and, but for those that describe content (`Content-Type`, `Content-Language`,
   * `Content-Disposition`), 304.
   */
  headers?: (path: string, file: ServedFile) => HeaderList;
  /** Whether what is not there goes to the app. With `false` it is 404 below an exported prefix, other methods 405. Default `true`. */
  fallthrough?: boolean;
  /** Keeps small files in memory; `false` keeps nothing, and looks at the disk for each request. */
  memory?: MemoryOptions | false;
  /**
   * Looks at all exports once, when the app is built, and never again: for deployments that do not change while they are
   * served. What is added later is not there, and what is changed may not be seen. Default `false`.
   */
  manifest?: boolean;
}

/** What the memory of `staticFiles` holds. */
export interface MemoryOptions {
  /** The largest file that is kept, in bytes. Default 64 KiB. */
  fileSize?: number;
  /** How much is kept altogether, in bytes; what was not asked for longest goes first. Default 64 MiB. */
  totalSize?: number;
  /** How long what was seen on the disk holds, in milliseconds. Default 250; 0 looks for each request. */
  interval?: number;
}

/** What `headers` is told about a file. */
export interface ServedFile {
  /** In bytes. */
  readonly size: number;
  readonly modified: Date;
  readonly contentType: string;
  /** Of the variant that is sent: `"br"`; undefined for the file as it is. */
  readonly encoding: Encoding | undefined;
}

/** The options, checked and ready. */
export interface Policy {
  readonly index: readonly string[];
  /** With their dots. */
  readonly extensions: readonly string[];
  /** A path with a slash before it. */
  readonly fallback: string | undefined;
  readonly listing: boolean;
  readonly filter: ((path: string) => boolean) | undefined;
  readonly names: FileNameRules;
  readonly followsLinks: boolean;
  readonly encodings: readonly Encoding[];
  readonly typeOf: MediaTypes;
  readonly headers: StaticFilesOptions["headers"];
  readonly fallthrough: boolean;
  readonly memory: Required<MemoryOptions> | undefined;
  readonly manifest: boolean;
  readonly cacheControl: string;
  readonly immutable: RegExp | undefined;
}

const FINGERPRINT = /[.\-_](?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,64}\.[^/]+$/i;

/** Checks the options. Throws `TSGI_BAD_OPTION`. */
export function policyOf(options: StaticFilesOptions): Policy {
  const { maxAge = 0, immutable = false, index = "index.html", extensions = [], fallback, listing = false } = options;
  const { filter, dotfiles = false, symlinks = "inside", precompressed = true, types = {}, headers } = options;
  const { fallthrough = true, memory = {}, manifest = false } = options;
  if (!(Number.isFinite(maxAge) && maxAge >= 0))
    throw badOption("maxAge", maxAge, "Give milliseconds; 0 asks each time.");
  if (typeof immutable !== "boolean" && !(immutable instanceof RegExp)) {
    throw badOption("immutable", immutable, "Give true, or a pattern for paths: /\\.[0-9a-f]{8}\\./.");
  }
  if (symlinks !== "inside" && symlinks !== "follow") {
    throw badOption("symlinks", symlinks, 'Give "inside" or "follow".');
  }
  checkFunction("filter", filter);
  checkFunction("headers", headers);
  return {
    index: index === false ? [] : checkNames("index", typeof index === "string" ? [index] : index),
    extensions: checkNames("extensions", extensions).map((extension) => `.${extension.replace(/^\./, "")}`),
    fallback: fallback === undefined ? undefined : checkFallback(fallback),
    listing,
    filter,
    names: { dotfiles, windows: process.platform === "win32" },
    followsLinks: symlinks === "follow",
    encodings: encodingsOf(precompressed),
    typeOf: mediaTypes(types),
    headers,
    fallthrough,
    memory: memory === false ? undefined : memoryOf(memory),
    manifest,
    // Not `public`: that would let shared caches keep what was sent to somebody who had to log in (RFC 9111 §3.5).
    cacheControl: maxAge < 1000 ? "no-cache" : `max-age=${Math.floor(maxAge / 1000)}`,
    immutable: immutable === true ? FINGERPRINT : immutable === false ? undefined : stateless(immutable),
  };
}

/** A `g` or `y` would have a pattern start where it ended last. */
function stateless({ source, flags }: RegExp): RegExp {
  return new RegExp(source, flags.replace(/[gy]/g, ""));
}

function checkNames(option: string, names: readonly string[]): readonly string[] {
  if (Array.isArray(names) && names.every((name) => typeof name === "string" && isFileName(name))) return names;
  throw badOption(option, names, option === "index" ? 'Give the name of a file, "index.html".' : 'Give ["html"].');
}

function checkFallback(fallback: string): string {
  const path = typeof fallback === "string" ? fallback.replace(/^\.?\//, "") : "";
  if (path.split("/").every(isFileName)) return `/${path}`;
  throw badOption("fallback", fallback, 'Give the path of a file below the export: "index.html".');
}

function encodingsOf(precompressed: boolean | readonly Encoding[]): readonly Encoding[] {
  if (typeof precompressed === "boolean") return precompressed ? VARIANTS.map(({ encoding }) => encoding) : [];
  if (Array.isArray(precompressed) && precompressed.every(isEncoding)) return precompressed;
  throw badOption("precompressed", precompressed, 'Give true, false or a list of "br", "zstd" and "gzip".');
}

function memoryOf({
  fileSize = 65_536,
  totalSize = 67_108_864,
  interval = 250,
}: MemoryOptions): Required<MemoryOptions> {
  for (const [option, value] of Object.entries({ fileSize, totalSize, interval })) {
    if (!(typeof value === "number" && value >= 0)) {
      throw badOption(`memory.${option}`, value, "Sizes are bytes, the interval is milliseconds.");
    }
  }
  return { fileSize, totalSize, interval };
}

function checkFunction(option: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") throw badOption(option, value, "Give a function of a path.");
}

function badOption(option: string, value: unknown, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_OPTION", `${option} is ${JSON.stringify(value) ?? String(value)}`, { hint });
}
