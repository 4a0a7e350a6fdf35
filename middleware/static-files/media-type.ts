/** Content types and stored codings of files, by their extensions. */

import { extname } from "node:path";
import { contentType, lookup } from "mime-types";
import { BoundedMap } from "../../src/bounded-map.ts";
import { TsgiError } from "../../src/errors.ts";
import { TOKEN } from "../../src/http/field-rules.ts";

/** Gives the content type of a file by its name, with the charset of text. */
export type MediaTypes = (name: string) => string;

/** Gives the coding that a file is stored in by its name; undefined for files that are stored as they are. */
export type ContentEncodings = (name: string) => string | undefined;

const UNKNOWN = "application/octet-stream";

/** Types that the database lacks. */
const MISSING: Readonly<Record<string, string>> = { ".tgz": "application/gzip" };

/** Text whose registration has no charset, but that is UTF-8 by its nature or its rules. */
const UTF8 = /^(?:text\/[^;]+|application\/(?:javascript|json|xml)|[^;]+\+(?:json|xml))$/;

/**
 * The content types by extension: the given ones first, then those of the database; `application/octet-stream` where none
 * is known. A file that is stored coded has the type of the name without the extension of its coding, if that has one.
 * Throws `TSGI_BAD_OPTION` for keys that are not extensions and values that are not types.
 */
export function mediaTypes(
  own: Readonly<Record<string, string>>,
  storedEncodingOf: ContentEncodings = () => undefined,
): MediaTypes {
  const given = byExtension("types", own, (type) => /^[^/;\s]+\/[^/;\s]+/.test(type), '{ ".glsl": "text/plain" }');
  const known = new BoundedMap<string, string>(500);
  const typeOfExtension = (extension: string): string => {
    let type = known.get(extension);
    if (type === undefined) {
      type = withCharset(given.get(extension) ?? MISSING[extension] ?? (contentType(extension) || UNKNOWN));
      known.set(extension, type);
    }
    return type;
  };
  return function typeOf(name) {
    const extension = extname(name).toLowerCase();
    if (storedEncodingOf(name) === undefined) return typeOfExtension(extension);
    const decoded = typeOfExtension(extname(name.slice(0, -extension.length)).toLowerCase());
    return decoded === UNKNOWN ? typeOfExtension(extension) : decoded;
  };
}

/** The codings by extension. Throws `TSGI_BAD_OPTION` as `mediaTypes`. */
export function contentEncodings(own: Readonly<Record<string, string>>): ContentEncodings {
  const given = byExtension("contentEncodings", own, (coding) => TOKEN.test(coding), '{ ".svgz": "gzip" }');
  return (name) => given.get(extname(name).toLowerCase());
}

/** Whether a name has an extension whose content type is known. */
export function isKnownType(name: string): boolean {
  const extension = extname(name);
  return extension !== "" && lookup(extension) !== false;
}

function byExtension(
  option: string,
  own: Readonly<Record<string, string>>,
  isValue: (value: string) => boolean,
  example: string,
): Map<string, string> {
  const values = new Map<string, string>();
  for (const [key, value] of Object.entries(own)) {
    if (!/^\.?[^./\\]+$/.test(key) || typeof value !== "string" || !isValue(value)) {
      throw new TsgiError("TSGI_BAD_OPTION", `${option} has ${JSON.stringify(key)}: ${JSON.stringify(value)}`, {
        hint: `Give values by extension: ${example}.`,
      });
    }
    values.set(`.${key.replace(/^\./, "").toLowerCase()}`, value);
  }
  return values;
}

function withCharset(type: string): string {
  return UTF8.test(type) ? `${type}; charset=utf-8` : type;
}
