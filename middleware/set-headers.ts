/**
 * Sets, and removes, headers of responses.
 *
 * ```ts
 * export const app = setHeaders(site, {
 *   "Referrer-Policy": "no-referrer",
 *   "X-Powered-By": null,
 *   "Cache-Control": ({ PATH_INFO }, status) => {
 *     if (!status.startsWith("200 ")) return "no-store";
 *     return PATH_INFO.startsWith("/assets/") ? "max-age=31536000, immutable" : undefined;
 *   },
 * });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { isSwitching } from "../src/exchange/failures.ts";
import type { App, Environ, HeaderList, StatusLine } from "../src/gateway.ts";
import { checkHeaders, deriveHeaders } from "../src/http/field-rules.ts";
import { removeHeaders } from "../src/http/headers.ts";
import { immediate } from "../src/immediate.ts";
import { wrapping } from "../src/wrapping.ts";

/**
 * The value of a header: text; null, which removes it; or what tells one of these for a response. Undefined leaves the header as the
 * app has it.
 */
export type HeaderSetting =
  | string
  | null
  | ((environ: Environ, status: StatusLine, headers: HeaderList) => string | null | undefined);

/**
 * setHeaders sets headers of all responses of an app, errors that it answers included, in place of those of the same name; null
 * removes one. A function decides for each response: `{ "Cache-Control": ({ PATH_INFO }) => (PATH_INFO === "/" ? "no-cache" :
 * undefined) }`. A 101 is left alone. Throws `TSGI_BAD_HEADER` and `TSGI_HOP_BY_HOP` for names and values that cannot be sent, and
 * `TSGI_BAD_OPTION` for what is not an object of such values.
 */
export function setHeaders(app: App, settings: Readonly<Record<string, HeaderSetting>>): App {
  checkApp(app, "setHeaders");
  const entries = checkSettings(settings);
  const names = entries.map(([name]) => name);
  const fixed = entries.filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const isFixed = entries.every(([, value]) => typeof value !== "function");

  const setFixed = (headers: HeaderList): HeaderList => [...removeHeaders(headers, ...names), ...fixed];

  function changed(environ: Environ, status: StatusLine, headers: HeaderList): HeaderList {
    if (isFixed) return deriveHeaders(headers, setFixed);
    let list = headers;
    for (const [name, setting] of entries) {
      const value = typeof setting === "function" ? setting(environ, status, headers) : setting;
      if (value === undefined) continue;
      list = removeHeaders(list, name);
      if (value !== null) list = [...list, [name, value]];
    }
    return list;
  }

  const outer: App = function setHeaders(environ, startResponse) {
    return app(environ, (status, headers, error) =>
      startResponse(status, isSwitching(status) ? headers : changed(environ, status, headers), error),
    );
  };
  return wrapping(outer, app);
}

function checkSettings(settings: Readonly<Record<string, HeaderSetting>>): [string, HeaderSetting][] {
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) {
    throw badSettings("the headers of setHeaders are not an object");
  }
  const entries = Object.entries(settings);
  for (const [name, value] of entries) {
    if (value !== null && typeof value !== "string" && typeof value !== "function") {
      throw badSettings(`${name} of setHeaders is ${typeof value}`);
    }
    // A value that is not known yet stands for itself: the name is checked.
    checkHeaders([[name, typeof value === "string" ? value : "0"]]);
  }
  return entries.map(([name, value]) => [
    name,
    typeof value === "function" ? immediate(`${name} of setHeaders`, value) : value,
  ]);
}

function badSettings(message: string): TsgiError {
  return new TsgiError("TSGI_BAD_OPTION", message, {
    hint: 'Give { "Name": "value" }; null removes a header, a function decides for each response.',
  });
}
