/** The query of a request. */

import type { Environ } from "../gateway.ts";

/**
 * query returns the query of a request: `query(environ).get("page")`, `.getAll("tag")`. Percent escapes that are malformed stay as they
 * are (URL standard, "application/x-www-form-urlencoded parsing"). Each call parses it anew.
 */
export function query(environ: Environ): URLSearchParams {
  return new URLSearchParams(environ.QUERY_STRING);
}
