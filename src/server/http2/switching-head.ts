/** The head that an app writes to a connection which it has taken over: HTTP/1.1, as a gateway reads it from the server behind it. */

import { TsgiError } from "../../errors.ts";
import type { HeaderList } from "../../gateway.ts";
import { checkHeaders, isHopByHop } from "../../http/field-rules.ts";
import { getHeader, hasHeader } from "../../http/headers.ts";

/** A head, as far as HTTP/2 has it (RFC 8441 §5). */
export interface SwitchingHead {
  readonly code: number;
  readonly headers: HeaderList;
  /** The length of the body, or -1 where nothing but the end of the connection tells it. */
  readonly length: number;
}

const MOST_BYTES = 64 * 1024;

/** What a 101 has that a tunnel of HTTP/2 has not: it is not answered with a hash (RFC 8441 §5), and has no length (RFC 9110 §8.6). */
const OF_SWITCHING = new Set(["sec-websocket-accept", "content-length"]);

/** HeadReader gathers what is written up to the end of the head. */
export class HeadReader {
  #text = "";

  /**
   * Takes bytes; gives the head and what follows it, once its end has come. Throws `TSGI_BAD_RESPONSE` for what is not a head,
   * and as `checkHeaders`.
   */
  take(bytes: Uint8Array): { readonly head: SwitchingHead; readonly rest: Uint8Array } | undefined {
    const before = this.#text.length;
    this.#text += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    const end = this.#text.indexOf("\r\n\r\n", Math.max(0, before - 3));
    if (end > MOST_BYTES || (end < 0 && this.#text.length > MOST_BYTES)) throw badHead("is too large");
    if (end < 0) return undefined;
    const head = readHead(this.#text.slice(0, end));
    this.#text = "";
    return { head, rest: bytes.subarray(end + 4 - before) };
  }
}

function readHead(text: string): SwitchingHead {
  const [first = "", ...lines] = text.split("\r\n");
  const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: |$)/.exec(first);
  if (status === null) throw badHead(`begins with ${JSON.stringify(first.slice(0, 80))}`);
  const code = Number(status[1]);
  const given = lines.map(readLine);
  const options = (getHeader(given, "Connection") ?? "").toLowerCase().split(/[\t ]*,[\t ]*/);
  // A body in chunks, which nobody sends on a connection that it has taken over, is left out.
  const isChunked = hasHeader(given, "Transfer-Encoding");
  const headers = given.filter(([name]) => {
    const key = name.toLowerCase();
    const isDropped = (code === 101 && OF_SWITCHING.has(key)) || (isChunked && key === "content-length");
    return !isDropped && !isHopByHop(key) && !options.includes(key);
  });
  const length = checkHeaders(headers);
  return { code, headers, length: isChunked ? 0 : length };
}

function readLine(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(":");
  if (colon < 1) throw badHead(`has the line ${JSON.stringify(line.slice(0, 80))}`);
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, "")];
}

function badHead(what: string): TsgiError {
  return new TsgiError("TSGI_BAD_RESPONSE", `the head that was written to the connection ${what}`, {
    hint: "Write the response of HTTP/1.1, also where the client speaks HTTP/2: HTTP/1.1 101 Switching Protocols.",
  });
}
