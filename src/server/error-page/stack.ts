/** The stack of an error: which frames are the user's own, and the source where one lies. */

import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folders of tsgi itself, as URLs and as paths: frames in there are not the user's. */
const ROOT = new URL("../../..", import.meta.url);
const OWN = [ROOT.href, fileURLToPath(ROOT)].flatMap((root) => [`${root}src/`, `${root}middleware/`]);

/** Whether a line of a stack is in the user's own code: not in Node, in a package or in tsgi. */
export function isUserFrame(line: string): boolean {
  return isFrame(line) && !/[( ](?:node:|native|<anonymous>\))|\/node_modules\//.test(line) && !isOwnFrame(line);
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
  return placeOf(stack.split("\n").find(isUserFrame) ?? "");
}

/** The place that a line of a stack names; undefined where it names none in a file. */
function placeOf(frame: string): Place | undefined {
  const parts = /(?:\(|at (?:async )?)((?:file:\/\/|\/|[A-Za-z]:\\).*?):(\d+):(\d+)\)?$/.exec(frame);
  if (parts === null) return undefined;
  try {
    return { path: pathOf(parts[1] as string), line: Number(parts[2]), column: Number(parts[3]) };
  } catch {
    return undefined;
  }
}

/** A line of a stack, taken apart. */
export interface Frame {
  /** The line as it is, without the spaces around it. */
  readonly text: string;
  /** The function, as Node calls it: `"Shop.find"`, `"async app"`; empty for code outside of functions. */
  readonly called: string;
  /** Absent for code that is not in a file. */
  readonly place: Place | undefined;
  /** Whose code it is: empty for the user's own, else `"tsgi"`, `"Node"` or the name of a package. */
  readonly owner: string;
}

/** framesOf gives the frames of a stack: what comes after the message, which may hold lines of a client that look like frames. */
export function framesOf(stack: string, message: string): Frame[] {
  const at = message === "" ? -1 : stack.indexOf(message);
  const lines = stack.slice(at === -1 ? 0 : at + message.length).split("\n");
  // The message has been changed since: only the end of the stack is sure to be frames.
  const first = at === -1 ? lines.findLastIndex((line) => !isFrame(line) && line.trim() !== "") + 1 : 0;
  return lines.slice(first).filter(isFrame).map(frameOf);
}

function isFrame(line: string): boolean {
  return /^\s+at \S/.test(line);
}

function frameOf(line: string): Frame {
  const text = line.trim();
  const called = /^at (.+?) \(/.exec(text)?.[1] ?? "";
  return { text, called, place: placeOf(line), owner: ownerOf(line) };
}

function ownerOf(line: string): string {
  if (isUserFrame(line)) return "";
  if (isOwnFrame(line)) return "tsgi";
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(line.replaceAll("\\", "/"))?.[1] ?? "Node";
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

/** The longest source that is read, in bytes, and the longest line that is shown, in characters. */
const LONGEST_SOURCE = 4 * 1024 * 1024;
const LONGEST_LINE = 300;

/** What is source: a stack may be made to name any file. */
const SOURCE_NAME = /\.[cm]?[jt]sx?$/i;

/** The lines around a place, `context` before and after it; none where the file cannot be read or is not source. */
export function sourceAround({ path, line }: Place, context = 5): SourceLine[] {
  let source: string;
  try {
    if (!SOURCE_NAME.test(path) || statSync(path).size > LONGEST_SOURCE) return [];
    source = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  const lines = source.split(/\r?\n/);
  if (line > lines.length) return [];
  const first = Math.max(1, line - context);
  return lines.slice(first - 1, line + context).map((text, index) => ({ number: first + index, text: shorten(text) }));
}

function shorten(text: string): string {
  return text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text;
}
