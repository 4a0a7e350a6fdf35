/** The stack of an error: which frames are the user's own, and the source where one lies. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folders of tsgi itself, as URLs and as paths: frames in there are not the user's. */
const ROOT = new URL("../..", import.meta.url);
const OWN = [ROOT.href, fileURLToPath(ROOT)].flatMap((root) => [`${root}src/`, `${root}middleware/`]);

/** Whether a line of a stack is in the user's own code: not in Node, in a package or in tsgi. */
export function isUserFrame(line: string): boolean {
  return /^\s+at /.test(line) && !/[( ](?:node:|native|<anonymous>\))|\/node_modules\//.test(line) && !isOwnFrame(line);
}

function isOwnFrame(line: string): boolean {
  return OWN.some((folder) => line.includes(folder));
}

/** A place in a file; lines and columns start at 1. */
export interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** The place of the innermost frame of the user's own code; undefined where there is none. */
export function userPlace(stack: string): Place | undefined {
  const frame = stack.split("\n").find(isUserFrame) ?? "";
  const parts = /(?:\(|at (?:async )?)((?:file:\/\/|\/|[A-Za-z]:\\).*?):(\d+):(\d+)\)?$/.exec(frame);
  if (parts === null) return undefined;
  return { path: pathOf(parts[1] as string), line: Number(parts[2]), column: Number(parts[3]) };
}

/** A path, of a path or a `file:` URL. */
export function pathOf(location: string): string {
  return location.startsWith("file://") ? fileURLToPath(location) : location;
}

/** A line of source with its number. */
export interface SourceLine {
  readonly number: number;
  readonly text: string;
}

/** The lines around a place, `context` before and after it; none where the file cannot be read. */
export function sourceAround({ path, line }: Place, context = 5): SourceLine[] {
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  const first = Math.max(1, line - context);
  return source
    .split("\n")
    .slice(first - 1, line + context)
    .map((text, index) => ({ number: first + index, text }));
}
