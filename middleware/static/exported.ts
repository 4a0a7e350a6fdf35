/** What is exported under a prefix: a folder or a single file, wherever it lies. */

import { realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve, sep } from "node:path";
import { TsgiError } from "../../src/errors.ts";

/** A path of the file system, relative to the working directory, or a path within an installed package. */
export type ExportSource = string | readonly [packageName: string, path: string];

/** An exported folder or file, its symbolic links resolved. */
export interface Exported {
  readonly path: string;
  readonly isFolder: boolean;
}

/** Finds what is exported. Throws `TSGI_BAD_EXPORT` where there is neither a folder nor a file. */
export function findExported(key: string, source: ExportSource): Exported {
  const path = typeof source === "string" ? resolve(source) : packagePath(key, source);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() || stats?.isFile()) return { path: realpathSync(path), isFolder: stats.isDirectory() };
  throw badExport(key, `${path} is neither a folder nor a file`, "Paths are relative to the working directory.");
}

/** A package is looked for as `import` looks for it, whatever its `exports` hide. */
function packagePath(key: string, source: readonly [string, string]): string {
  const [name, path] = source;
  if (typeof name !== "string" || typeof path !== "string") {
    throw badExport(key, "it is no path", 'Pass "./folder", or ["package", "path"].');
  }
  const folders = createRequire(join(process.cwd(), "package.json")).resolve.paths(name) ?? [];
  const found = folders
    .map((folder) => join(folder, name))
    .find((folder) => statSync(folder, { throwIfNoEntry: false }));
  if (found === undefined) throw badExport(key, `the package ${name} is not installed`, `Run: npm install ${name}`);
  const inside = join(found, path);
  if (inside !== found && !inside.startsWith(found + sep)) {
    throw badExport(key, `${path} leaves the package ${name}`, "Name a path within the package.");
  }
  return inside;
}

function badExport(key: string, problem: string, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_EXPORT", `${JSON.stringify(key)} cannot be served: ${problem}`, { hint });
}

/**
 * The file name for the rest of a path below an exported folder; undefined for one that names no file: an escape that is no
 * UTF-8, a segment with a separator of any system or NUL, `.` and `..`, and a dotfile unless they are served.
 * `/.well-known/` is (RFC 8615).
 */
export function fileNameFor(folder: string, rest: string, dotfiles: boolean): string | undefined {
  const segments = rest.split("/");
  let name = folder;
  for (let index = 0; index < segments.length; index++) {
    const segment = decodeSegment(segments[index] as string);
    // The first is empty before the leading slash, the last after a trailing one; no other may be.
    if (segment === "" && (index === 0 || index === segments.length - 1)) continue;
    if (segment === undefined || !isFileName(segment)) return undefined;
    if (segment.startsWith(".") && !dotfiles && !(index === 1 && segment === ".well-known")) return undefined;
    name += sep + segment;
  }
  return name;
}

function decodeSegment(segment: string): string | undefined {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function isFileName(segment: string): boolean {
  return segment !== "" && segment !== "." && segment !== ".." && !/[/\\\0]/.test(segment);
}
