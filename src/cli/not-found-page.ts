/** What is answered where a folder has no file. */

import { notFound, text } from "../apps.ts";
import type { App, Environ } from "../gateway.ts";
import { removeHeaders, setHeader } from "../http/headers.ts";

const PAGE = "/404.html";

const methodNotAllowed = text("Method Not Allowed\n", {
  status: "405 Method Not Allowed",
  headers: [["Allow", "GET, HEAD"]],
});

/**
 * The app behind that of a folder: 404 with the folder's own `404.html` where it has one, 405 for what is neither GET nor
 * HEAD. `files` gives the app of the folder, which comes back here for the page that is not there either.
 */
export function notFoundPage(files: () => App): App {
  return function missing(environ, startResponse) {
    const { REQUEST_METHOD: method, PATH_INFO: path } = environ;
    if (method !== "GET" && method !== "HEAD") return methodNotAllowed(environ, startResponse);
    if (path === PAGE) return notFound(environ, startResponse);
    return files()(wholePage(environ), (status, headers, error) => {
      if (!status.startsWith("200 ")) return startResponse(status, headers, error);
      const page = removeHeaders(headers, "ETag", "Last-Modified", "Accept-Ranges");
      return startResponse("404 Not Found", setHeader(page, "Cache-Control", "no-cache"), error);
    });
  };
}

/** The conditions and ranges of a request are about what it asked for, not about the page. */
function wholePage(environ: Environ): Environ {
  return {
    ...environ,
    PATH_INFO: PAGE,
    HTTP_RANGE: undefined,
    HTTP_IF_RANGE: undefined,
    HTTP_IF_MATCH: undefined,
    HTTP_IF_NONE_MATCH: undefined,
    HTTP_IF_MODIFIED_SINCE: undefined,
    HTTP_IF_UNMODIFIED_SINCE: undefined,
  };
}
