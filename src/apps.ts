/**
 * Ready-made apps: a response is an app, as in werkzeug, so `return text("hi")(environ, startResponse)` answers from
 * within another app, and `dispatcher(notFound, …)` falls back to one.
 */

import { byteLength } from "./body/chunk.ts";
import { TsgiError } from "./errors.ts";
import type { App, Chunk, HeaderList, StatusLine } from "./gateway.ts";
import { prepareHeaders } from "./http/field-rules.ts";
import { hasHeader } from "./http/headers.ts";
import { escapeNonAscii } from "./http/path.ts";
import { parseStatus } from "./http/status.ts";
import { checkOptions, type Kinds } from "./options.ts";

/** What a ready-made response may change. */
export interface ResponseOptions {
  /** Default `"200 OK"`. */
  status?: StatusLine;
  /** Headers beside `Content-Type`; one of that name here replaces it. */
  headers?: HeaderList;
}

/** A status is checked by its own rules. */
const KINDS: Kinds<ResponseOptions> = {
  status: { expected: "a status line", accepts: () => true },
  headers: { expected: 'a list of pairs: [["X-Name", "value"]]', accepts: Array.isArray },
};

/** `text("Hello")` answers with plain text. */
export function text(content: string, options: ResponseOptions = {}): App {
  return response("text", content, "text/plain; charset=utf-8", options);
}

/** `html("<h1>Hello</h1>")` answers with a page. The content is sent as it is: escape what comes from others. */
export function html(content: string, options: ResponseOptions = {}): App {
  return response("html", content, "text/html; charset=utf-8", options);
}

/**
 * `json({ ok: true })` answers with a value as JSON. Throws `TSGI_BAD_JSON` for a value that JSON cannot hold: undefined, a
 * function, a BigInt, an object that contains itself.
 */
export function json(value: unknown, options: ResponseOptions = {}): App {
  return response("json", encodeJson(value), "application/json", options);
}

function encodeJson(value: unknown): string {
  let content: string | undefined;
  let cause: unknown;
  try {
    content = JSON.stringify(value);
  } catch (error) {
    cause = error;
  }
  if (content !== undefined) return content;
  const problem = cause instanceof Error ? cause.message : `JSON has no form for ${typeof value}`;
  throw new TsgiError("TSGI_BAD_JSON", `the value cannot be sent as JSON: ${problem}`, {
    hint: "Pass null, a string, a number, a boolean, or a list or an object of these.",
    cause,
  });
}

/**
 * `redirect("/login")` sends the client elsewhere. Characters beyond ASCII are percent-encoded as UTF-8; the rest of the
 * location is sent as it is: build one below a mount with `pathTo`. Default status `"302 Found"`; `"303 See Other"` after a
 * POST, `"308 Permanent Redirect"` for good (RFC 9110 §15.4). Throws `TSGI_BAD_HEADER` for half of a surrogate pair, and
 * for a control character.
 */
export function redirect(location: string, options: ResponseOptions = {}): App {
  checkOptions("redirect", options, KINDS);
  const { status = "302 Found", headers = [] } = options;
  return response("redirect", "", "text/plain; charset=utf-8", {
    status,
    headers: [["Location", escapeNonAscii(location) ?? location], ...headers],
  });
}

/** notFound answers every request with 404 and a line of text. */
export const notFound: App = response("notFound", "Not Found\n", "text/plain; charset=utf-8", {
  status: "404 Not Found",
});

function response(owner: string, content: Chunk, type: string, options: ResponseOptions): App {
  checkOptions(owner, options, KINDS);
  const { status = "200 OK", headers = [] } = options;
  const { code } = parseStatus(status);
  const list: [name: string, value: string][] = headers.map(([name, value]) => [name, value]);
  if (!hasHeader(headers, "Content-Type")) list.unshift(["Content-Type", type]);
  if (!hasHeader(headers, "Content-Length")) list.push(["Content-Length", String(byteLength(content))]);
  prepareHeaders(list, code);
  const app: App = (_environ, startResponse) => {
    startResponse(status, list);
    return content;
  };
  return Object.defineProperty(app, "name", { value: owner });
}

/** Gives an app back as it is; throws `TSGI_NO_APP` for anything else. `where` says what it was meant for. */
export function checkApp(app: unknown, where = "this"): App {
  if (typeof app === "function") return app as App;
  throw new TsgiError("TSGI_NO_APP", `${where} needs an app, not ${app === null ? "null" : typeof app}`, {
    hint: "An app is a function: (environ, startResponse) => body.",
  });
}
