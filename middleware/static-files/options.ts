/** The options of `staticFiles`. */

import type { Environ, HeaderList } from "../../src/gateway.ts";
import { BOOLEAN, either, FUNCTION, type Kind, type Kinds, listOf, OBJECT, oneOf } from "../../src/options.ts";
import type { FileSystem } from "./file-system.ts";
import { PATH_TEST, type PathTest } from "./path-test.ts";
import type { Encoding } from "./variant.ts";

/** How files are served. A `path` is a file's below its export, decoded: `"/img/logo.svg"`. */
export interface StaticFilesOptions {
  /**
   * How long a client may use a file without asking again, in milliseconds, rounded down to seconds. Default 0: the client
   * keeps the file but asks each time (`no-cache`), so it never shows an old one, at the price of a 304.
   */
  maxAge?: number;
  /**
   * Files that never change under their name: `true` for the names that bundlers make from a hash of the content
   * (`app.3f2a1b9c.js`, `assets/index-DiwrgTda.js`), or files of your own choice: `"/assets/"`, `/\.[0-9a-f]{20}\./`, a
   * function. Clients keep them for a year without asking (`immutable`, RFC 8246), and once they have not changed for 30
   * seconds the server does not look at them again. Default `false`: a mistake here cannot be taken back.
   */
  immutable?: boolean | PathTest;
  /**
   * The strong entity tag. `"content"`: a hash of the bytes, the same on every host; a file is read once for it. `"stat"`:
   * size and modification time, for files whose times always change with their bytes. A function: the tag itself, for example
   * of a release. `false`: none. Default: the content for files of up to `memory.fileSize`; for larger ones size,
   * modification time and change time, which differ between hosts.
   */
  etag?: "content" | "stat" | ((file: ServedFile) => string) | false;
  /** The file that a folder is answered with, or several to try in order. Default `"index.html"`; `false` for none. */
  index?: string | readonly string[] | false;
  /** Extensions that a URL may leave out, tried in order: with `["html"]`, `/about` is `about.html`. Default none. */
  extensions?: readonly string[];
  /**
   * Whether a folder's path without its slash is redirected to the one with it. With `false` the index is sent at once, for
   * clean URLs; relative links in it then start from the parent folder. A listing always redirects. Default `true`; inside of
   * `trailingSlash` with `"never"` nothing is redirected.
   */
  redirect?: boolean;
  /**
   * The file, by its path below the export, that answers navigations to paths without a file, for single-page apps: GET and
   * HEAD that accept HTML, unless the last segment has an extension with a content type (`/app.js`; `/users/john.doe` has
   * none). A function decides for each GET and HEAD that finds nothing; it returns the path of the file, or undefined.
   * Default none.
   */
  navigationFallback?: string | ((environ: Environ) => string | undefined);
  /**
   * The page, by its path below the export (`"404.html"`), that is sent with 404 for GET and HEAD of paths without a file, in
   * place of `app`. Where the page is missing, `app` answers. Default none.
   */
  notFoundPage?: string;
  /** Lists folders without an index: a page, or JSON for clients that prefer it. Default `false`. */
  listing?: boolean;
  /**
   * Whether a file is served, and listed; asked for each request. Folders in a listing have `/` at the end of their path.
   * Default: every file.
   */
  filter?: (path: string) => boolean;
  /** Whether files and folders whose name starts with a dot are served. Default `false`, which still serves `/.well-known/`. */
  dotfiles?: boolean;
  /** Symbolic links: `"inside"`, the default, serves those that stay in the export; `"follow"` serves wherever they lead. */
  symlinks?: "inside" | "follow";
  /**
   * Serves `name.br`, `name.zst` or `name.gz` instead of `name` to clients that accept them, where it is not older than the
   * file, or decodes to the same bytes; `tsgi precompress` makes them. Default `true`; a list for some of them, `false` for
   * none.
   */
  precompressed?: boolean | readonly Encoding[];
  /** Content types by extension, in place of the known ones: `{ ".glsl": "text/plain" }`. */
  types?: Readonly<Record<string, string>>;
  /**
   * Content codings by extension, for files that are stored coded and always sent so: `{ ".br": "br" }` sends `game.wasm.br`
   * with `Content-Encoding: br` and the type of `game.wasm`. Default `{ ".svgz": "gzip" }`.
   */
  contentEncodings?: Readonly<Record<string, string>>;
  /**
   * Headers for a file, in place of the defaults of the same names. Asked once for each version of a file, not for each
   * request. They are sent with 200, 206 and, except those that describe content (`Content-Type`, `Content-Language`,
   * `Content-Disposition`), 304.
   */
  headers?: (path: string, file: ServedFile) => HeaderList;
  /**
   * Headers that depend on the request, as `headers` but asked for each response. If they depend on request headers, they
   * have to include `Vary`.
   */
  headersFor?: (environ: Environ, path: string, file: ServedFile) => HeaderList;
  /**
   * Whether requests for which there is no file go to the app. With `false`, GET and HEAD below an exported prefix are
   * answered with 404, other methods with 405. Default `true`.
   */
  fallthrough?: boolean;
  /**
   * Files that are only ever appended to, such as logs and recordings: `true` for all, or as for `immutable`. A response sends
   * the length that the file had when it was opened, however much is added meanwhile. Default `false`: a file that grows
   * while it is sent as a whole cuts the connection.
   */
  appendOnly?: boolean | PathTest;
  /** Whether an exported folder may be missing when the app is built: it is served once it is there. Default `false`. */
  allowMissing?: boolean;
  /** Keeps small files in memory; `false` keeps nothing, and looks at the disk for each request. */
  memory?: MemoryOptions | false;
  /**
   * Reads the names below all exports once, when the app is built: for immutable deployments. Files that are added later
   * are not found, and changes may not be seen. Folders behind symbolic links are looked up as they are asked for. Default
   * `false`.
   */
  manifest?: boolean;
  /** The file system to serve from, such as `memfs`. Default: Node's. */
  fs?: FileSystem;
}

/** What the memory of `staticFiles` holds. */
export interface MemoryOptions {
  /** The largest file that is kept, in bytes. Default 64 KiB. */
  fileSize?: number;
  /** How much memory is used altogether, in bytes; files that were not asked for longest go first. Default 64 MiB. */
  totalSize?: number;
  /** How long the result of a look at the disk holds, in milliseconds. Default 250; 0 looks for each request. */
  interval?: number;
}

/** A file as `headers` and `etag` see it. */
export interface ServedFile {
  /** Below the export, decoded: `"/img/logo.svg"`. */
  readonly path: string;
  /** In bytes; of the variant, if one is sent. */
  readonly size: number;
  readonly modified: Date;
  readonly contentType: string;
  /** The coding of the variant that is sent: `"br"`; undefined for the file itself. */
  readonly encoding: Encoding | undefined;
}

const MILLISECONDS: Kind = {
  expected: "milliseconds; 0 asks each time",
  accepts: (value) => Number.isFinite(value) && (value as number) >= 0,
};

const AMOUNT: Kind = {
  expected: "a number from 0: sizes are bytes, the interval is milliseconds",
  accepts: (value) => typeof value === "number" && value >= 0,
};

const STRING: Kind = { expected: "a string", accepts: (value) => typeof value === "string" };

export const KINDS: Kinds<StaticFilesOptions> = {
  maxAge: MILLISECONDS,
  immutable: either(BOOLEAN, PATH_TEST),
  etag: either(oneOf("content", "stat", false), { ...FUNCTION, expected: "a function of a file" }),
  index: either(oneOf(false), STRING, listOf(STRING)),
  extensions: listOf(STRING),
  redirect: BOOLEAN,
  navigationFallback: either(STRING, { ...FUNCTION, expected: "a function of the environ" }),
  notFoundPage: STRING,
  listing: BOOLEAN,
  filter: { ...FUNCTION, expected: "a function of a path that returns true or false" },
  dotfiles: { ...BOOLEAN, expected: 'true to serve them, or false to hide them, as Express\'s "ignore" does' },
  symlinks: oneOf("inside", "follow"),
  precompressed: either(BOOLEAN, listOf(oneOf("br", "zstd", "gzip"))),
  types: OBJECT,
  contentEncodings: OBJECT,
  headers: { ...FUNCTION, expected: "a function of a path and a file" },
  headersFor: { ...FUNCTION, expected: "a function of an environ, a path and a file" },
  fallthrough: BOOLEAN,
  appendOnly: either(BOOLEAN, PATH_TEST),
  allowMissing: BOOLEAN,
  memory: either(oneOf(false), OBJECT),
  manifest: BOOLEAN,
  fs: OBJECT,
};

export const MEMORY_KINDS: Kinds<MemoryOptions> = { fileSize: AMOUNT, totalSize: AMOUNT, interval: AMOUNT };
