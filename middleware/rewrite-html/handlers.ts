/** The handlers that a programmer gives, checked when the app is built. */

import { TsgiError } from "../../src/errors.ts";
import { OBJECT, showOption } from "../../src/options.ts";
import type { HtmlHandler, Rule } from "./rewriting.ts";
import { compileSelector } from "./selector.ts";

/** checkHandlers gives handlers with their selectors compiled. Throws `TSGI_BAD_OPTION` and `TSGI_BAD_SELECTOR`. */
export function checkHandlers(handlers: Readonly<Record<string, HtmlHandler>>, owner: string): Rule[] {
  if (!OBJECT.accepts(handlers)) throw badHandlers(`the handlers of ${owner} are ${showOption(handlers)}`);
  return Object.entries(handlers).map(([selector, handler]) => {
    if (typeof handler !== "function") {
      throw badHandlers(`the handler of ${JSON.stringify(selector)} is ${showOption(handler)}`);
    }
    return { matches: compileSelector(selector, owner), handler };
  });
}

function badHandlers(message: string): TsgiError {
  return new TsgiError("TSGI_BAD_OPTION", message, {
    hint: 'Give functions by their selectors: { "a[href]": (link) => … }.',
  });
}
