/** What the client gets in place of a response that failed. */

import type { Environ, StatusLine } from "../gateway.ts";
import { checkHeaders } from "../http/field-rules.ts";
import type { ErrorPage, ResponderOptions } from "./sink.ts";

/** The page that a server makes of an error; the status line as plain text where it makes none, or its page fails. */
export function errorPageOf(
  options: ResponderOptions,
  status: StatusLine,
  error: unknown,
  environ: Environ,
  onError: (error: unknown) => void,
): ErrorPage {
  try {
    const page = options.errorPage?.(status, error, environ);
    if (page !== undefined) {
      checkHeaders(page.headers);
      return page;
    }
  } catch (pageError) {
    onError(pageError);
  }
  return { headers: [["Content-Type", "text/plain; charset=utf-8"]], body: `${status}\n` };
}
