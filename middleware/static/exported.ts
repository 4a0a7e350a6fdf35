/** What is exported under a prefix: a folder or a single file, wherever it lies. */

import { realpathSync, statSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe } from "../../src/chunk.ts";
import { TsgiError } from "../../src/errors.ts";

/**
 * A path of the file system, relative to the working directory; a `file:` URL, as of `new URL("public", import.meta.url)`;
 * or a path within an installed package.
 */
export type ExportSource = string | URL | readonly [packageName: string, path: string];

/** An exported folder or file. */
export interface Exported {
  /** Absolute, its symbolic links as they were given: a deployment may switch them. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Where `path` leads to, its links resolved; brought up to date by whoever finds that they have changed. */
  realPath: string;
}

/** Finds what is exported. Throws `TSGI_BAD_EXPORT` where there is neither a folder nor a file. */
export function findExported(key: string, source: ExportSource): Exported {
  const path = pathOf(key, source);
  try {
    const stats = statSync(path);
    if (stats.isDirectory() || stats.isFile()) {
      return { path, isFolder: stats.isDirectory(), realPath: realpathSync.native(path) };
    }
  } catch (cause) {
    throw badExport(key, (cause as Error).message, "Paths are relative to the working directory.", cause);
  }
  throw badExport(key, `${path} is neither a folder nor a file`, "Export the folder that the files are in.");
}

function pathOf(key: string, source: ExportSource): string {
  if (typeof source === "string" && source !== "") return resolve(source);
  if (source instanceof URL) return pathOfUrl(key, source);
  if (Array.isArray(source) && source.length === 2) return packagePath(key, source[0], source[1]);
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

function packagePath(key: string, name: unknown, path: unknown): string {
  if (typeof name !== "string" || typeof path !== "string" || !PACKAGE_NAME.test(name)) {
    throw badExport(
      key,
      `${JSON.stringify(name)} is no package`,
      'Pass ["package", "path"] or ["@scope/package", "."].',
    );
  }
  const folder = packageFolder(name);
  if (folder === undefined) throw badExport(key, `the package ${name} is not installed`, `Run: npm install ${name}`);
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
