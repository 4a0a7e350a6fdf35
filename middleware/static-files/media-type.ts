/** Content types of files. */

import { extname } from "node:path";
import { contentType } from "mime-types";
import { TsgiError } from "../../src/errors.ts";

/** Gives the content type of a file by its name, with the charset of text. */
export type MediaTypes = (name: string) => string;

/** Text whose registration knows no charset, but that is UTF-8 by its nature or its rules. */
const UTF8 = /^(?:text\/[^;]+|application\/(?:javascript|json|xml)|[^;]+\+(?:json|xml))$/;

/**
 * The content types by extension: the given ones first, then those of the database; `application/octet-stream` where none
 * is known. Throws `TSGI_BAD_OPTION` for what is no extension or no type.
 */
export function mediaTypes(own: Readonly<Record<string, string>>): MediaTypes {
  const known = new Map<string, string>();
  for (const [key, type] of Object.entries(own)) {
    if (!/^\.?[^./\\]+$/.test(key) || typeof type !== "string" || !/^[^/;\s]+\/[^/;\s]+/.test(type)) {
      throw new TsgiError("TSGI_BAD_OPTION", `types has ${JSON.stringify(key)}: ${JSON.stringify(type)}`, {
        hint: 'Give types by extension: { ".glsl": "text/plain" }.',
      });
    }
    known.set(`.${key.replace(/^\./, "").toLowerCase()}`, withCharset(type));
  }
  return function typeOf(name) {
    const extension = extname(name).toLowerCase();
    let type = known.get(extension);
    if (type === undefined) {
      type = withCharset(contentType(extension) || "application/octet-stream");
      if (known.size < 1000) known.set(extension, type);
    }
    return type;
  };
}

function withCharset(type: string): string {
  return UTF8.test(type) ? `${type}; charset=utf-8` : type;
}
