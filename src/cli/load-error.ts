/** Errors of a module that cannot be loaded, in one line that names the file, the line and what to do. */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, extname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { type Place, pathOf, userPlace } from "../server/error-page/stack.ts";

/** Where something went wrong: a path, a line and perhaps a column. */
interface SourcePlace {
  readonly path: string;
  readonly position: string;
}

/** How long a second Node may take to say where a syntax error is, in milliseconds. */
const LOCATE_TIMEOUT = 5_000;

/** Why a module did not load. */
export interface LoadError {
  /** In one line: the error, the place in the user's own code, the causes. */
  readonly text: string;
  /** What the error says, without its causes, and where it is. */
  readonly reason: string;
  readonly place: Place | undefined;
}

/**
 * explainLoadError says why a module did not load. `module` is the path of the module and `execArgv` what Node needs to load it,
 * for errors that hide their place.
 */
export function explainLoadError(error: unknown, module: string, execArgv: readonly string[]): LoadError {
  const parts: OneError[] = [];
  const seen = new Set<unknown>();
  for (let current = error; current !== undefined && !seen.has(current); current = causeOf(current)) {
    seen.add(current);
    parts.push(explainOne(current, module, execArgv));
    if (current instanceof AggregateError) {
      parts.push(...current.errors.map((part) => explainOne(part, module, execArgv)));
    }
  }
  const { reason = "", place } = parts[0] ?? {};
  const [line, column] = place?.position.split(":") ?? [];
  return {
    text: parts.map(({ text }) => text).join("; caused by "),
    reason,
    place: place && { path: place.path, line: Number(line), column: Number(column ?? 1) },
  };
}

interface OneError {
  readonly text: string;
  readonly reason: string;
  readonly place: SourcePlace | undefined;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function explainOne(error: unknown, module: string, execArgv: readonly string[]): OneError {
  if (!(error instanceof Error)) return { text: String(error), reason: String(error), place: undefined };
  const transform = placeOfTransform(error);
  const place = transform?.place ?? placeOfHeading(error) ?? placeOfFrame(error) ?? locate(error, module, execArgv);
  const reason = transform?.message ?? `${error.name}: ${error.message.split("\n", 1)[0]}`;
  const text = reason + (place === undefined ? "" : ` (${showPlace(place)})`) + hintFor(error, place?.path ?? module);
  return { text, reason, place };
}

function showPlace({ path, position }: SourcePlace): string {
  const short = relative(process.cwd(), path);
  return `${short.startsWith("..") || short === "" ? path : short}:${position}`;
}

/** esbuild, within tsx, names the place in the second line of its message. Its columns start at 0. */
function placeOfTransform(error: Error): { place: SourcePlace; message: string } | undefined {
  const parts = /^(.+):(\d+):(\d+): ERROR: (.*)$/m.exec(error.message);
  if (parts === null) return undefined;
  const [, path = "", line, column, message] = parts;
  return {
    place: { path: realPath(path), position: `${line}:${Number(column) + 1}` },
    message: `SyntaxError: ${message}`,
  };
}

/** tsx shows esbuild `.mts` and `.cts` files under the name of a `.ts` file. */
function realPath(path: string): string {
  const names = [path, path.replace(/\.ts$/, ".mts"), path.replace(/\.ts$/, ".cts")];
  return names.find((name) => existsSync(name)) ?? path;
}

/** Node puts the place of most syntax errors into a line before the stack. */
function placeOfHeading({ stack = "" }: Error): SourcePlace | undefined {
  const parts = /^((?:file:\/\/|\/|[A-Za-z]:\\).*):(\d+)\n/.exec(stack);
  return parts === null ? undefined : { path: pathOf(parts[1] as string), position: parts[2] as string };
}

/** The innermost frame of the user's own code. */
function placeOfFrame({ stack = "" }: Error): SourcePlace | undefined {
  const place = userPlace(stack);
  return place && { path: place.path, position: `${place.line}:${place.column}` };
}

/**
 * Node knows the place of a syntax error in an ES module, but says it only where the error ends a process. So a second
 * process loads the module. It fails as early as this one did: before anything of an ES module runs.
 */
function locate(error: Error, module: string, execArgv: readonly string[]): SourcePlace | undefined {
  if (!(error instanceof SyntaxError)) return undefined;
  const script = `import(${JSON.stringify(pathToFileURL(module).href)})`;
  const { stderr } = spawnSync(process.execPath, [...execArgv, "--input-type=module", "--eval", script], {
    encoding: "utf8",
    timeout: LOCATE_TIMEOUT,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const parts = /^((?:file:\/\/|\/|[A-Za-z]:\\).*):(\d+)\n(?:.*\n){0,4}\nSyntaxError/m.exec(stderr);
  return parts === null ? undefined : { path: pathOf(parts[1] as string), position: parts[2] as string };
}

/** Messages of Node for an ES module that is loaded as CommonJS. */
const NOT_COMMONJS = /^Cannot use import statement outside a module|^Unexpected token 'export'/;

function hintFor(error: Error, path: string): string {
  const extension = extname(path);
  if (!NOT_COMMONJS.test(error.message) || !/^\.[jt]s$/.test(extension)) return "";
  const other = `${basename(path, extension)}.m${extension.slice(1)}`;
  return packageType(path) === "commonjs"
    ? `; its package.json says "type": "commonjs": change that to "module", or rename the file to ${other}`
    : `; write "type": "module" into its package.json, or rename the file to ${other}`;
}

/** The `type` of the package that a file belongs to, as its `package.json` has it. */
function packageType(path: string): string | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest)) return (JSON.parse(readFileSync(manifest, "utf8")) as { type?: string }).type;
    if (folder === dirname(folder)) return undefined;
  }
}
