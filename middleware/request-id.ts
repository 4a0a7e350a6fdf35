/**
 * Gives each request an id, by which it is found in logs.
 *
 * ```ts
 * export const app = accessLog(requestId(site), { format: "json" });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { TsgiError } from "../src/errors.ts";
import { enter } from "../src/exchange/innermost.ts";
import type { App, Environ, HeaderList } from "../src/gateway.ts";
import { deriveHeaders, isHopByHop, TOKEN, withGoodLine } from "../src/http/field-rules.ts";
import { hasHeader, removeHeaders } from "../src/http/headers.ts";
import { immediate } from "../src/immediate.ts";
import { BOOLEAN, checkOptions, either, FUNCTION, type Kind } from "../src/options.ts";
import { randomId } from "../src/random-id.ts";
import { wrapping } from "../src/wrapping.ts";

/** Options of `requestId`. */
export interface RequestIdOptions {
  /** The header that carries it, in requests that are trusted and in responses. Default `"X-Request-Id"`. */
  header?: string | undefined;
  /** Makes an id. Default: 32 random hexadecimal digits. */
  generate?: (() => string) | undefined;
  /**
   * Whether the id of a request that has one is taken: `true` behind a proxy that sets it, or a function that decides. Default
   * `false`: a client could take the id of another's request.
   */
  trust?: boolean | ((environ: Environ) => boolean) | undefined;
}

/** What an id may be: it stands in logs, headers and URLs as it is. */
const WELL_FORMED = /^[\w.:+/=@-]{1,128}$/;

const isOfFraming = (name: string): boolean => isHopByHop(name) || name.toLowerCase() === "content-length";

const NAME: Kind = {
  expected: "the name of a header",
  accepts: (value) => typeof value === "string" && TOKEN.test(value) && !value.includes("_") && !isOfFraming(value),
};

/**
 * requestId gives each request of `app` an id: `environ["tsgi.state"]["request.id"]`, a header of the response, and part of
 * error reports and of lines of `accessLog`. The id that a request has is taken if it is trusted and has 1 to 128 letters, digits
 * and `_.:+/=@-`; else one is made, which the environ then has in place of that header. Where a layer around has given one
 * already, that stays.
 *
 * Throws `TSGI_BAD_OPTION`, also for an id of `generate` that is not well-formed.
 */
export function requestId(app: App, options: RequestIdOptions = {}): App {
  checkApp(app, "requestId");
  checkOptions("requestId", options, { header: NAME, generate: FUNCTION, trust: either(BOOLEAN, FUNCTION) });
  const { header = "X-Request-Id", trust = false } = options;
  const generate = options.generate === undefined ? () => randomId(16) : checked(options.generate);
  const trusts = typeof trust === "function" ? immediate("trust of requestId", trust) : () => trust;
  const key = `HTTP_${header.toUpperCase().replaceAll("-", "_")}` as const;
  const others = (headers: HeaderList): HeaderList =>
    hasHeader(headers, header) ? removeHeaders(headers, header) : headers;

  const outer: App = function requestId(environ, startResponse) {
    const state = environ["tsgi.state"];
    if (state["request.id"] !== undefined) return app(environ, startResponse);
    const sent = environ[key] as string | undefined;
    const isTaken = sent !== undefined && WELL_FORMED.test(sent) && trusts(environ);
    const id = isTaken ? sent : generate();
    state["request.id"] = id;
    const inner = sent === undefined || isTaken ? environ : enter({ ...environ, [key]: id });
    return app(inner, (status, headers, error) =>
      startResponse(status, withGoodLine(deriveHeaders(headers, others), header, id), error),
    );
  };
  return wrapping(outer, app);
}

function checked(generate: () => string): () => string {
  const generated = immediate("generate of requestId", generate);
  return () => {
    const id = generated();
    if (typeof id === "string" && WELL_FORMED.test(id)) return id;
    throw new TsgiError("TSGI_BAD_OPTION", "generate of requestId made an id that is not well-formed", {
      hint: "Return 1 to 128 letters, digits and _.:+/=@-.",
    });
  };
}
