/** The headers of a file. */

import { TsgiError } from "../../src/errors.ts";
import type { HeaderList } from "../../src/gateway.ts";
import { checkHeaders } from "../../src/http/field-rules.ts";
import { addVary, removeHeaders } from "../../src/http/headers.ts";
import { NO_TAG } from "./entity-tag.ts";
import type { ServedFile } from "./options.ts";
import type { Policy } from "./policy.ts";

/** What the headers of a file say beside what is known from `ServedFile`. */
export interface FileFacts {
  readonly etag: string;
  /** In seconds since 1970; NaN where it is not known. */
  readonly modified: number;
  readonly hasVariants: boolean;
}

/** The headers of a 200. Throws where the `headers` of the options gives headers that it may not give. */
export function fileHeadersOf(
  file: ServedFile,
  { etag, modified, hasVariants }: FileFacts,
  policy: Policy,
): HeaderList {
  const { path, size, contentType } = file;
  const encoding = file.encoding ?? policy.storedEncodingOf(path);
  const own: [name: string, value: string][] = [
    ["Content-Type", contentType],
    ["Content-Length", String(size)],
  ];
  if (!Number.isNaN(modified)) own.push(["Last-Modified", new Date(modified * 1000).toUTCString()]);
  if (etag !== NO_TAG) own.push(["ETag", etag]);
  own.push(
    ["Accept-Ranges", "bytes"],
    ["Cache-Control", policy.isImmutable(path) ? IMMUTABLE : policy.cacheControl],
    ["X-Content-Type-Options", "nosniff"],
  );
  if (encoding !== undefined) own.push(["Content-Encoding", encoding]);
  const headers = policy.headers === undefined ? own : withOwnHeaders(own, policy.headers(path, file));
  return hasVariants ? addVary(headers, "Accept-Encoding") : headers;
}

/** A year: RFC 9111 has no value for "for ever". */
const IMMUTABLE = "max-age=31536000, immutable";

/** Headers that say which bytes are sent. */
const RESERVED = /^(?:accept-ranges|content-(?:encoding|length|range)|etag|last-modified)$/i;

/** Headers with those of an option in place of their own of the same names; a `Vary` is extended. */
export function withOwnHeaders(headers: HeaderList, given: HeaderList): HeaderList {
  checkHeaders(given);
  let merged = removeHeaders(headers, ...given.map(([name]) => name).filter((name) => !isVary(name)));
  for (const [name, value] of given) {
    if (RESERVED.test(name)) {
      throw new TsgiError("TSGI_BAD_OPTION", `headers gives ${name}`, {
        hint: "Leave it out: validators, lengths and codings follow from the file and the options etag and contentEncodings.",
      });
    }
    if (!isVary(name)) merged = [...merged, [name, value]];
    else for (const field of value.split(",")) merged = addVary(merged, field.trim());
  }
  return merged;
}

function isVary(name: string): boolean {
  return name.toLowerCase() === "vary";
}
