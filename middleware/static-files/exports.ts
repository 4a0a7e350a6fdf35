/** The exports: which folders and files are served under which prefix. */

import { type Stats, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe } from "../../src/body/chunk.ts";
import { TsgiError } from "../../src/errors.ts";
import { canonicalPrefix } from "../../src/http/path.ts";
import { OBJECT } from "../../src/options.ts";
import { PathTree } from "../../src/routing/path-tree.ts";
import type { Policy } from "./policy.ts";
import type { Root } from "./root.ts";

/**
 * A path of the file system, relative to the working directory; a `file:` URL such as `new URL("public", import.meta.url)`;
 * or a path within an installed package, looked for from the working directory, the program and this package in turn.
 */
export type ExportSource = string | URL | readonly [packageName: string, path: string];

/**
 * Exports by the prefix that they are served under: a folder, a file, or a list of folders that are tried in order. Two names
 * in a list are a package and a path within it; write folders with `./`.
 */
export type Exports = Readonly<Record<string, ExportSource | readonly ExportSource[]>>;

/** The folders, or the file, exported under a prefix. */
export interface Export {
  /** Canonical; `""` for the root. */
  readonly prefix: string;
  /** One file, or folders in the order in which they are tried. */
  readonly roots: readonly [Root, ...Root[]];
}

/** The options that decide about roots. */
type RootPolicy = Pick<Policy, "fs" | "followsLinks" | "allowMissing">;

/**
 * Finds the exported folders and files. Throws `TSGI_BAD_EXPORT` for a prefix that is not a path, and for sources that cannot
 * be served.
 */
export function findExports(exports: Exports, policy: RootPolicy): PathTree<Export> {
  if (!OBJECT.accepts(exports)) {
    throw new TsgiError("TSGI_BAD_EXPORT", `the exports are ${describe(exports)}`, {
      hint: 'Give folders by their prefix: { "/static": "./public" }.',
    });
  }
  const tree = new PathTree<Export>();
  for (const [key, source] of Object.entries(exports)) {
    const prefix = canonicalPrefix(key);
    if (prefix === undefined) {
      throw new TsgiError("TSGI_BAD_EXPORT", `${JSON.stringify(key)} is not a path`, {
        hint: 'Write "/static": a path from the root, without query and malformed escapes.',
      });
    }
    const sources = isList(source) ? source : [source];
    const roots = sources.map((each) => findRoot(key, each, policy));
    if (roots.length !== 1 && !roots.every(({ isFolder }) => isFolder)) {
      throw badExport(key, "a list may only have folders", 'Pass ["./first", "./second"].');
    }
    if (!tree.add({ head: prefix, match: undefined, identity: prefix }, { prefix, roots: roots as [Root] })) {
      throw new TsgiError("TSGI_BAD_EXPORT", `${JSON.stringify(key)} is given twice`, {
        hint: "Keys are the same when their canonical paths are: /static/ is /static.",
      });
    }
  }
  return tree;
}

/** A single file, which need not be there yet, or a folder of files; under the prefix of the root. */
export function soleExport(source: ExportSource, isFolder: boolean, policy: RootPolicy): PathTree<Export> {
  const tree = new PathTree<Export>();
  const root = newRoot(exportedPath("/", source), isFolder, { ...policy, allowMissing: true });
  tree.add({ head: "", match: undefined, identity: "" }, { prefix: "", roots: [root] });
  return tree;
}

function isList(source: ExportSource | readonly ExportSource[]): source is readonly ExportSource[] {
  return Array.isArray(source) && source.length > 0 && !isPackagePath(source);
}

function isPackagePath(source: readonly unknown[]): source is readonly [string, string] {
  const [name, path] = source;
  return source.length === 2 && typeof path === "string" && typeof name === "string" && PACKAGE_NAME.test(name);
}

function findRoot(key: string, source: ExportSource, policy: RootPolicy): Root {
  const path = exportedPath(key, source);
  let stats: Stats;
  try {
    stats = policy.fs.statSync(path);
  } catch (cause) {
    if (policy.allowMissing && (cause as NodeJS.ErrnoException).code === "ENOENT") return newRoot(path, true, policy);
    throw badExport(key, (cause as Error).message, "Paths are relative to the working directory.", cause);
  }
  if (stats.isDirectory() || stats.isFile()) return newRoot(path, stats.isDirectory(), policy);
  throw badExport(key, `${path} is neither a folder nor a file`, "Export the folder that the files are in.");
}

function newRoot(path: string, isFolder: boolean, { fs, followsLinks, allowMissing }: RootPolicy): Root {
  const seenAt = Number.NEGATIVE_INFINITY;
  return { fs, path, isFolder, followsLinks, isOptional: allowMissing, realPath: path, seenAt };
}

function exportedPath(key: string, source: ExportSource): string {
  if (typeof source === "string" && source !== "") return resolve(source);
  if (source instanceof URL) return pathOfUrl(key, source);
  if (Array.isArray(source) && isPackagePath(source)) return packagePath(key, source[0], source[1]);
  const problem = typeof source === "string" ? "it is empty" : `${describe(source)} is not a path`;
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

/** The folders that packages are looked for from: the working directory, the program, and this package. */
function startingPoints(): string[] {
  const program = process.argv[1];
  const folder = join(process.cwd(), "package.json");
  return program === undefined || program === ""
    ? [folder, import.meta.url]
    : [folder, resolve(program), import.meta.url];
}

/** Where a package is installed, found as `import` finds it, whatever its `exports` hide. */
function packageFolder(name: string): string | undefined {
  return startingPoints()
    .flatMap((start) => createRequire(start).resolve.paths(`${name}/package.json`) ?? [])
    .map((folder) => join(folder, name))
    .find((folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory());
}

function badExport(key: string, problem: string, hint: string, cause?: unknown): TsgiError {
  const message = `${JSON.stringify(key)} cannot be served: ${problem}`;
  return new TsgiError("TSGI_BAD_EXPORT", message, cause === undefined ? { hint } : { hint, cause });
}
