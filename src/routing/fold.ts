/** Case folding of canonical paths. */

const BEYOND_ASCII = /(?:%[89A-F][0-9A-F])+/g;

/**
 * A canonical path, or a segment of one, without its differences in case. Letters beyond ASCII count, since routers fold
 * what they have decoded: `%E2%84%AA`, the Kelvin sign, is a `k` to them. Folds all that `toLowerCase` or `toUpperCase`
 * make equal.
 */
export function foldCase(path: string): string {
  const folded = path.includes("%") ? path.replace(BEYOND_ASCII, foldEscapes) : path;
  return folded.toLowerCase();
}

function foldEscapes(escapes: string): string {
  try {
    return encodeURIComponent(decodeURIComponent(escapes).toLowerCase().toUpperCase().toLowerCase());
  } catch {
    return escapes;
  }
}
