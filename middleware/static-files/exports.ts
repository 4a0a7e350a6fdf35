/** What is exported under which prefix: folders and single files, wherever they lie. */

import { realpathSync, statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe } from "../../src/body/chunk.ts";
import { TsgiError } from "../../src/errors.ts";
import { canonicalPrefix } from "../../src/http/path.ts";
import { PathTree } from "../../src/routing/path-tree.ts";
import type { Root } from "./root.ts";

/**
 * A path of the file system, relative to the working directory; a `file:` URL, as of `new URL("public", import.meta.url)`;
 * or a path within an installed package.
 */
export type ExportSource = string | URL | readonly [packageName: string, path: string];

/**
 * What is served, by the prefix it is served under: a folder, a file, or a list of folders that are tried in order. Two names
 * in a list are a package and a path within it; write folders with `./`.
 */
export type Exports = Readonly<Record<string, ExportSource | readonly ExportSource[]>>;

/** What is exported under a prefix. */
export interface Export {
  /** Canonical; `""` for the root. */
  readonly prefix: string;
  /** One file, or folders in the order in which they are tried. */
  readonly roots: readonly [Root, ...Root[]];
}

/** Finds what is exported. Throws `TSGI_BAD_EXPORT` for a prefix that is no path and where there is neither a folder nor a file. */
export function findExports(exports: Exports, followsLinks: boolean): PathTree<Export> {
  const tree = new PathTree<Export>();
  for (const [key, source] of Object.entries(exports)) {
    const prefix = canonicalPrefix(key);
    if (prefix === undefined) {
      throw new TsgiError("TSGI_BAD_EXPORT", `${JSON.stringify(key)} is no path`, {
        hint: 'Write "/static": a path from the root, without query and malformed escapes.',
      });
    }
    const sources = isList(source) ? source : [source];
    const roots = sources.map((each) => findRoot(key, each, followsLinks));
    if (roots.length !== 1 && !roots.every(({ isFolder }) => isFolder)) {
      throw badExport(key, "a list is of folders", 'Pass ["./first", "./second"].');
    }
    if (!tree.add({ head: prefix, match: undefined, identity: prefix }, { prefix, roots: roots as [Root] })) {
      throw new TsgiError("TSGI_BAD_EXPORT", `${JSON.stringify(key)} stands twice`, {
        hint: "Keys are the same when their canonical paths are: /static/ is /static.",
      });
    }
  }
  return tree;
}

function isList(source: ExportSource | readonly ExportSource[]): source is readonly ExportSource[] {
  return Array.isArray(source) && source.length > 0 && !isPackagePath(source);
}

function isPackagePath(source: readonly unknown[]): source is readonly [string, string] {
  const [name, path] = source;
  return source.length === 2 && typeof path === "string" && typeof name === "string" && PACKAGE_NAME.test(name);
}

function findRoot(key: string, source: ExportSource, followsLinks: boolean): Root {
  const path = pathOf(key, source);
  try {
    const stats = statSync(path);
    if (stats.isDirectory() || stats.isFile()) {
      return {
        path,
        isFolder: stats.isDirectory(),
        followsLinks,
        realPath: realpathSync.native(path),
        seenAt: Number.NEGATIVE_INFINITY,
      };
    }
  } catch (cause) {
    throw badExport(key, (cause as Error).message, "Paths are relative to the working directory.", cause);
  }
  throw badExport(key, `${path} is neither a folder nor a file`, "Export the folder that the files are in.");
}

function pathOf(key: string, source: ExportSource): string {
  if (typeof source === "string" && source !== "") return resolve(source);
  if (source instanceof URL) return pathOfUrl(key, source);
  if (Array.isArray(source) && isPackagePath(source)) return packagePath(key, source[0], source[1]);
  const problem = typeof source === "string" ? "it is empty" : `${describe(source)} is no path`;
  throw badExport(key, problem, 'Pass "./folder", a file URL or ["package", "path"].');
}

function pathOfUrl(key: string, url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw badExport(key, (cause as Error).message, 'Pass new URL("public", import.meta.url).', cause);
  }
}

const PACKAGE_NAME = /^(?:@[^./\\][^/\\]*\/)?[^./\\][^/\\]*$/;

function packagePath(key: string, name: string, path: string): string {
  const folder = packageFolder(name);
  if (folder === undefined) {
    const hint = `Run: npm install ${name}. A folder of a list is written ./${name}.`;
    throw badExport(key, `the package ${name} is not installed`, hint);
  }
  const inside = join(folder, path);
  if (inside.startsWith(folder + sep)) return inside;
  if (join(inside, sep) === join(folder, sep)) return folder;
  throw badExport(key, `${path} leaves the package ${name}`, "Name a path within the package.");
}

/** Where a package is installed, looked for as `import` does, whatever its `exports` hide. */
function packageFolder(name: string): string | undefined {
  let folder = process.cwd();
  for (;;) {
    const candidate = join(folder, "node_modules", name);
    if (statSync(candidate, { throwIfNoEntry: false })?.isDirectory()) return candidate;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}

function badExport(key: string, problem: string, hint: string, cause?: unknown): TsgiError {
  const message = `${JSON.stringify(key)} cannot be served: ${problem}`;
  return new TsgiError("TSGI_BAD_EXPORT", message, cause === undefined ? { hint } : { hint, cause });
}
