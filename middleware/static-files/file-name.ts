/** File names for paths of URLs: which segments may name a file, and which never do. */

import { canonicalPath } from "../../src/http/path.ts";

/** Rules for names of files. */
export interface FileNameRules {
  /** Whether names that start with a dot are allowed. `.well-known` as the first segment always is (RFC 8615). */
  readonly dotfiles: boolean;
  /** Whether the names are for Windows, where some characters and names do not mean a file. */
  readonly windows: boolean;
}

/**
 * The names of the folders and of the file that a canonical path below an exported folder stands for, decoded; a trailing
 * slash adds nothing. Undefined where it cannot name a file: an escape that is not UTF-8, an empty segment, `.` and `..`, a
 * separator of any system, NUL, a dotfile, and on Windows drives, streams, devices, short names
 * and names that it would trim.
 */
export function fileNames(path: string, rules: FileNameRules): string[] | undefined {
  if (path === "" || path === "/") return [];
  if (!path.startsWith("/")) return undefined;
  const segments = (path.endsWith("/") ? path.slice(1, -1) : path.slice(1)).split("/");
  for (let index = 0; index < segments.length; index++) {
    const name = decodeSegment(segments[index] as string);
    if (name === undefined || !mayName(name, index === 0, rules)) return undefined;
    segments[index] = name;
  }
  return segments;
}

/** Whether a name may be that of a file or folder; `isFirst` for one directly in the exported folder. */
export function mayName(name: string, isFirst: boolean, rules: FileNameRules): boolean {
  if (!isFileName(name) || (rules.windows && isSpecialOnWindows(name))) return false;
  return rules.dotfiles || !name.startsWith(".") || (isFirst && name === ".well-known");
}

/** The canonical path that stands for these names. Undefined where there is none. */
export function canonicalName(names: readonly string[]): string | undefined {
  try {
    return canonicalPath(`/${names.map(encodeURIComponent).join("/")}`, false);
  } catch {
    return undefined;
  }
}

function decodeSegment(segment: string): string | undefined {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** Whether a name is one entry of a folder, on every system. */
export function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\\\0]/.test(name);
}

/**
 * Names that Windows reads in its own way: streams and drives (`a::$DATA`, `C:`), trailing characters, short names (`ENV~1`).
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the controls are among them.
const RESERVED_ON_WINDOWS = /[\x00-\x1f"*:<>?|]|[. ]$|~\d/;
/** Devices, which exist in every folder of Windows, whatever their extension. */
const DEVICE_ON_WINDOWS = /^(?:aux|con|conin\$|conout\$|nul|prn|(?:com|lpt)[\d¹²³]) *(?:\.|$)/i;

function isSpecialOnWindows(name: string): boolean {
  return RESERVED_ON_WINDOWS.test(name) || DEVICE_ON_WINDOWS.test(name);
}
