/** Entity tags (RFC 9110 §8.8.3). */

import type { BigIntStats } from "node:fs";
import { TsgiError } from "../../src/errors.ts";
import { contentOf } from "./version.ts";

/** In place of a tag, for a representation without one: no header can hold it, so it matches no condition. */
export const NO_TAG = "\0";

/** A strong tag of a hash, of which 22 characters hold 132 bits. */
export function contentTag(hash: string, encoding: string | undefined): string {
  return tagged(hash.slice(0, 22), encoding);
}

/** A strong tag of size and modification time in nanoseconds. */
export function statTag(stats: BigIntStats, encoding: string | undefined): string {
  return tagged(contentOf(stats), encoding);
}

/** A strong tag that changes with every version of a file on this host, whatever modification time it is given. */
export function versionTag(stats: BigIntStats, encoding: string | undefined): string {
  return tagged(`${contentOf(stats)}-${stats.ctimeNs.toString(36)}`, encoding);
}

/** A tag that an option gave, with or without its quotes. Throws `TSGI_BAD_OPTION` for text that cannot be one. */
export function givenTag(given: unknown, encoding: string | undefined): string {
  const [, weak = "", text] =
    (typeof given === "string" && /^(W\/)?"?([\x21\x23-\x7e\x80-\xff]+)"?$/.exec(given)) || [];
  if (text === undefined) {
    throw new TsgiError("TSGI_BAD_OPTION", `etag gives ${JSON.stringify(given) ?? String(given)}`, {
      hint: "Return a string of visible characters without quotes within, such as a version.",
    });
  }
  return weak + tagged(text, encoding);
}

/** No two codings of a file share a tag (RFC 9110 §8.8.3.3). */
function tagged(text: string, encoding: string | undefined): string {
  return encoding === undefined ? `"${text}"` : `"${text}-${encoding}"`;
}
