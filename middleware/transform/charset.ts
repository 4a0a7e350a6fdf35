/** The charset of a text: the one that its headers name, else the one that a page names itself. */

import type { AppResponse, HeaderList } from "../../src/gateway.ts";
import { getHeader, setHeader } from "../../src/http/headers.ts";

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]+)"?/i;

/** namedCharset gives the charset that the `Content-Type` names; undefined where it names none. */
export function namedCharset(headers: HeaderList): string | undefined {
  return CHARSET.exec(getHeader(headers, "Content-Type") ?? "")?.[1];
}

/** isUtf8 tells whether a label is one of UTF-8. */
export function isUtf8(charset: string): boolean {
  return /^(?:unicode-1-1-)?utf-?8$/i.test(charset);
}

/** isKnownCharset tells whether this platform can decode a charset. */
export function isKnownCharset(charset: string): boolean {
  if (isUtf8(charset)) return true;
  try {
    return new TextDecoder(charset).encoding !== "";
  } catch {
    return false;
  }
}

/** isAsciiBased tells whether the ASCII characters of a charset are single bytes, which occur in no other character. */
export function isAsciiBased(charset: string): boolean {
  return (
    isUtf8(charset) || (isKnownCharset(charset) && !/^(?:utf-16|iso-2022-jp)/.test(new TextDecoder(charset).encoding))
  );
}

/** asUtf8 gives the headers of a text that was in another charset: with UTF-8 in the `Content-Type`, which counts before the text's own. */
export function asUtf8(headers: HeaderList, charset: string): HeaderList {
  if (isUtf8(charset)) return headers;
  const type = getHeader(headers, "Content-Type") ?? "";
  const isNamed = CHARSET.test(type);
  return setHeader(
    headers,
    "Content-Type",
    isNamed ? type.replace(CHARSET, "; charset=utf-8") : `${type}; charset=utf-8`,
  );
}

/** How many bytes of a page tell its charset (HTML Standard §4.2.5.4). */
export const DECLARATION = 1024;

/** namesItself tells whether a response is a page whose charset only its bytes tell. */
export function namesItself({ headers }: AppResponse): boolean {
  return (
    /^\s*text\/html\s*(?:;|$)/i.test(getHeader(headers, "Content-Type") ?? "") && namedCharset(headers) === undefined
  );
}

/** declaredCharset gives the charset that the first bytes of a page name (HTML Standard §13.2.3.2); undefined where they name none. */
export function declaredCharset(bytes: Uint8Array): string | undefined {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return "utf-8";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  if (first === 0xff && second === 0xfe) return "utf-16le";
  const start = String.fromCharCode(...bytes.subarray(0, DECLARATION)).replace(/<!--.*?(?:-->|$)/gs, "");
  for (const [, attributes = ""] of start.matchAll(/<meta[\s/]([^>]*)>/gi)) {
    const label = labelIn(attributes);
    if (label === undefined || !isKnownCharset(label)) continue;
    // A page that can say so in ASCII is not in UTF-16.
    const { encoding } = new TextDecoder(label);
    return encoding.startsWith("utf-16") ? "utf-8" : encoding;
  }
  return undefined;
}

/** The charset in the attributes of a `<meta>`. */
function labelIn(attributes: string): string | undefined {
  const values = new Map<string, string>();
  for (const [, name = "", value = ""] of attributes.matchAll(/([^\s=/"']+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"']+))?/g)) {
    const key = name.toLowerCase();
    if (!values.has(key)) values.set(key, value.replace(/^["']|["']$/g, ""));
  }
  const charset = values.get("charset")?.trim();
  if (charset !== undefined) return charset;
  if (values.get("http-equiv")?.toLowerCase() !== "content-type") return undefined;
  return /charset\s*=\s*["']?([^\s;"']+)/i.exec(values.get("content") ?? "")?.[1];
}
