/**
 * The one canonical path. A server canonicalises the request target once, before any app sees it, so that no two layers
 * can disagree about what it names. Linear in the length of the path; a path that is clean already costs one test.
 *
 * Source: RFC 9112 §3.2 (request targets), RFC 3986 §3.3 (pchar), §5.2.4 (dot segments), §6.2.2 (normalisation).
 */

/** A request target, taken apart. */
export interface Target {
  /** The canonical path; `"*"` for `OPTIONS *`. */
  readonly path: string;
  /** The query as sent, without `?`. */
  readonly query: string;
  /** The authority of an absolute-form target. */
  readonly host?: string;
}

const CLEAN = /^(?:\/(?!\.{1,2}(?:\/|$))[\w\-.~!$&'()*+,;=:@]+)*\/?$/;
const TO_RECODE = /%(?:[0-9A-Fa-f]{2})?|[^\w\-.~!$&'()*+,;=:@/]/g;
const ABSOLUTE = /^https?:\/\/([^/?#@\\]+)(?=[/?]|$)/i;

/** For each byte, how it stands in a canonical path segment: itself (pchar) or its upper-case escape; NUL nowhere. */
const SEGMENT: readonly (string | undefined)[] = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte);
  if (byte === 0) return undefined;
  return /[\w\-.~!$&'()*+,;=:@]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
});

/**
 * Takes a request target apart. Undefined for one that is a 400: not a path, an `http(s)` URL or `OPTIONS *`; a raw `#`;
 * a malformed escape; a NUL.
 */
export function parseTarget(method: string, target: string, mergeSlashes = true): Target | undefined {
  if (target.charCodeAt(0) !== 47) return parseOtherForm(method, target, mergeSlashes);
  const question = target.indexOf("?");
  const path = canonicalPath(question < 0 ? target : target.slice(0, question), mergeSlashes);
  if (path === undefined) return undefined;
  if (question < 0) return { path, query: "" };
  const query = target.slice(question + 1);
  return query.includes("#") ? undefined : { path, query };
}

function parseOtherForm(method: string, target: string, mergeSlashes: boolean): Target | undefined {
  if (target === "*") return method === "OPTIONS" ? { path: "*", query: "" } : undefined;
  const absolute = ABSOLUTE.exec(target);
  if (absolute === null) return undefined;
  const rest = target.slice(absolute[0].length);
  const origin = parseTarget(method, rest.startsWith("/") ? rest : `/${rest}`, mergeSlashes);
  return origin && { ...origin, host: absolute[1] as string };
}

/**
 * The canonical form of a path that starts with `/`: escapes of pchars decoded once, all other escapes in upper case,
 * bytes that may not stand there escaped, dot segments removed, runs of `/` made one (`mergeSlashes: false` keeps inner
 * runs). Each character stands for one byte. Undefined where the path is malformed.
 */
export function canonicalPath(path: string, mergeSlashes = true): string | undefined {
  if (CLEAN.test(path) && path !== "") return path;
  if (path.charCodeAt(0) !== 47) return undefined;
  const recoded = recode(path);
  if (recoded === undefined) return undefined;
  const resolved = removeDotSegments(recoded);
  return mergeSlashes ? resolved.replace(/\/{2,}/g, "/") : resolved.replace(/^\/{2,}/, "/");
}

/**
 * Whether a request target is spelled canonically: its path is its own canonical path, and it is neither in absolute form
 * nor has a raw `#`. `OPTIONS *` is. A host that has routed a request by such a target has seen the path that apps get; with
 * any other spelling (`//admin`, `/%61dmin`, `/x/../admin`) the two may disagree, and a guard of the host's may be passed.
 */
export function isCanonicalTarget(target: string): boolean {
  if (target === "*") return true;
  const question = target.indexOf("?");
  const path = question < 0 ? target : target.slice(0, question);
  return canonicalPath(path) === path && !target.includes("#", path.length);
}

/** Every character in its canonical spelling; undefined for a malformed escape, a NUL or a raw `#`. */
export function recode(path: string): string | undefined {
  let malformed = false;
  const recoded = path.replace(TO_RECODE, (match) => {
    const byte = match.length === 3 ? Number.parseInt(match.slice(1), 16) : match.charCodeAt(0);
    const char = match === "%" || match === "#" ? undefined : SEGMENT[byte];
    if (char === undefined) malformed = true;
    return char ?? "";
  });
  return malformed ? undefined : recoded;
}

/** Removes dot segments from a path that starts with `/` (RFC 3986 §5.2.4), never above the root. */
export function removeDotSegments(path: string): string {
  if (!path.includes("/.")) return path;
  const kept: string[] = [];
  const segments = path.slice(1).split("/");
  for (const segment of segments) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
  }
  const last = segments.at(-1);
  if (last === "." || last === "..") kept.push("");
  return `/${kept.join("/")}`;
}

/**
 * The canonical form of a path that a programmer wrote (a mount, a URL prefix): characters beyond ASCII stand for their
 * UTF-8 bytes, and a trailing `/` is dropped, so the root is `""`. Undefined where the path is malformed or not absolute.
 */
export function canonicalPrefix(path: string): string | undefined {
  const bytes = escapeNonAscii(path);
  const canonical = bytes === undefined || bytes.includes("?") ? undefined : canonicalPath(bytes);
  return canonical?.endsWith("/") ? canonical.slice(0, -1) : canonical;
}

/** Characters beyond ASCII as the escapes of their UTF-8 bytes; undefined for half a surrogate pair. */
export function escapeNonAscii(text: string): string | undefined {
  try {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII, from its first character to its last.
    return text.replace(/[^\x00-\x7f]+/g, encodeURIComponent);
  } catch {
    return undefined;
  }
}
