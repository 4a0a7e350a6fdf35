/** Content types of files. */

import { extname } from "node:path";
import { contentType } from "mime-types";

const known = new Map<string, string>();

/** The content type by the extension of a name, with its charset; `application/octet-stream` where it is unknown. */
export function mediaType(name: string): string {
  const extension = extname(name);
  let type = known.get(extension);
  if (type === undefined) {
    type = contentType(extension) || "application/octet-stream";
    if (known.size < 1000) known.set(extension, type);
  }
  return type;
}
