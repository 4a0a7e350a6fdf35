/** The sentences of the contract that `lint` quotes. */

/** The name of a sentence. */
export type Rule =
  | "arguments"
  | "head"
  | "singleFields"
  | "listIsValue"
  | "startFirst"
  | "startOnce"
  | "chunk"
  | "oneAtATime"
  | "closeOnce"
  | "closeDropped"
  | "length"
  | "noBody"
  | "noLength"
  | "plainObject"
  | "neverChanged"
  | "strings"
  | "canonicalPath"
  | "pathParts"
  | "headerKeys"
  | "input"
  | "errors"
  | "objects"
  | "upgraded"
  | "switching";

/** Each sentence with the number of its rule in `src/gateway.ts`, word for word. */
export const RULES: Readonly<Record<Rule, readonly [number: number, sentence: string]>> = {
  arguments: [
    1,
    "`startResponse` takes a status, headers and, from an error handler, the error; it records them and returns `write`.",
  ],
  head: [
    1,
    "It throws at once on a malformed status, an invalid header name or value, or a hop-by-hop header, except `Trailer` and, in a 426, `Upgrade`.",
  ],
  singleFields: [1, "There is no header named `Status`, and a field that holds one value occurs once."],
  listIsValue: [1, "A header list is a value: it is not changed after the call."],
  startFirst: [2, "An app calls `startResponse` before its first chunk."],
  startOnce: [3, "A second call without `error` throws."],
  chunk: [4, "A chunk is a string or a `Uint8Array`."],
  oneAtATime: [4, "The next one is asked for when the client has room for it, and not before the last one has come."],
  closeOnce: [5, "The body is closed exactly once: at its end, on an error, when the client goes away, for HEAD."],
  closeDropped: [5, "A layer that drops a body closes it, and a closed body is not read."],
  length: [
    6,
    "A body is as long as the length that it declares: a shorter one closes the connection, a longer one is cut there; both are reported.",
  ],
  noBody: [7, "HEAD, 204, 205 and 304 send no body, whatever the app returns."],
  noLength: [7, "A 204 has no `Content-Length`."],
  plainObject: [11, "An environ is a plain object without a prototype of its own."],
  neverChanged: [11, "It is never changed: a layer that needs another one copies it."],
  strings: [
    12,
    'The keys of CGI are strings, `REQUEST_METHOD` is a token, and numbers are decimal; `tsgi.version` is `[1, 0]`, `tsgi.url_scheme` is `"http"` or `"https"`.',
  ],
  canonicalPath: [13, "`SCRIPT_NAME + PATH_INFO` is the canonical path of the request."],
  pathParts: [
    13,
    '`SCRIPT_NAME` never ends in `/`, `PATH_INFO` is empty or starts with `/`; it is `"*"` for `OPTIONS *` alone.',
  ],
  headerKeys: [
    14,
    "A request header is a string under `HTTP_`, in upper case, `-` as `_`; `Content-Type` and `Content-Length` are `CONTENT_TYPE` and `CONTENT_LENGTH`, never also `HTTP_` keys.",
  ],
  input: [15, "`tsgi.input` is an `AsyncIterable<Uint8Array>` that ends by itself and is read once."],
  errors: [16, "`tsgi.errors` has `write(text: string)`."],
  objects: [
    16,
    "`tsgi.exchange`, `tsgi.params` and `tsgi.state` are objects, `tsgi.multithread`, `tsgi.multiprocess` and `tsgi.run_once` booleans.",
  ],
  upgraded: [
    17,
    "An app that has called `exchange.upgrade` sends no response: it returns nothing, or a body without chunks.",
  ],
  switching: [
    18,
    "An app that has called `exchange.onUpgrade` may answer `101 Switching Protocols`, with headers and without a body.",
  ],
};
