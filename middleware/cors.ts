/**
 * Lets pages of every origin read the responses of an app.
 *
 * ```ts
 * export const app = cors(site);
 * ```
 */

import type { App, Environ, HeaderList } from "../src/gateway.ts";
import { wrapping } from "../src/wrapping.ts";

const READABLE: HeaderList = [
  ["Access-Control-Allow-Origin", "*"],
  // Ranges, tags and lengths, which players and viewers of files ask for.
  ["Access-Control-Expose-Headers", "*"],
];

const PREFLIGHT: HeaderList = [
  ["Access-Control-Allow-Origin", "*"],
  ["Access-Control-Allow-Methods", "GET, HEAD"],
  // The asterisk stands for every header except this one.
  ["Access-Control-Allow-Headers", "*, Authorization"],
  ["Access-Control-Max-Age", "7200"],
];

/**
 * cors lets pages of every origin read each response of `app`, errors included, but not with credentials. A preflight is
 * answered with 204: pages may send GET and HEAD with any headers (Fetch standard, "CORS protocol").
 */
export function cors(app: App): App {
  const outer: App = function cors(environ, startResponse) {
    if (isPreflight(environ)) {
      startResponse("204 No Content", PREFLIGHT);
      return undefined;
    }
    return app(environ, (status, headers, error) => startResponse(status, [...headers, ...READABLE], error));
  };
  return wrapping(outer, app);
}

function isPreflight(environ: Environ): boolean {
  const { REQUEST_METHOD, HTTP_ORIGIN, HTTP_ACCESS_CONTROL_REQUEST_METHOD } = environ;
  return REQUEST_METHOD === "OPTIONS" && HTTP_ORIGIN !== undefined && HTTP_ACCESS_CONTROL_REQUEST_METHOD !== undefined;
}
