/** The whole site. `npm start` serves what is exported as `app`. */

import { notFound, stack } from "tsgi";
import {
  bodyLimit,
  compress,
  conditional,
  csrf,
  dispatcher,
  problemDetails,
  requestId,
  secureHeaders,
  staticFiles,
} from "tsgi/middleware";
import { notes } from "./notes.ts";

const pages = staticFiles(notFound, { "/": new URL("./public", import.meta.url) }, { notFoundPage: "404.html" });

/** From the outside in: each of these wraps all that come after it. */
export const app = stack()
  .use(requestId) // an id for each request, in the log and in the response
  .use(secureHeaders) // what browsers may do with the pages
  .use(problemDetails) // errors as JSON for those who ask for JSON
  .use(csrf) // no requests that other sites have a browser send
  .use(compress)
  .use(conditional) // 304 for what a client has already
  .use(bodyLimit, { limit: 100 * 1024 })
  .run(dispatcher(pages, { "/api/notes": notes() }));
