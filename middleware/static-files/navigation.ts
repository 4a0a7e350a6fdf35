/** Which requests ask for a page, and where folders without their slash are redirected to. */

import type { AppResponse, Environ } from "../../src/gateway.ts";
import { preferredType } from "../../src/http/negotiation.ts";
import { refusal } from "./refusal.ts";

/** Whether a request asks for a page, which a single-page app may answer for any path. */
export function isNavigation(environ: Environ, isFile: (name: string) => boolean): boolean {
  const { PATH_INFO: path, HTTP_SEC_FETCH_MODE: mode } = environ;
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (name.startsWith(".") || name.endsWith(".") || isFile(name)) return false;
  if (mode !== undefined && mode !== "navigate") return false;
  return preferredType(environ.HTTP_ACCEPT, ["text/html", "application/json"]) === "text/html";
}

/** Redirects the client to the same path with a slash at its end; the query is kept. */
export function redirectToFolder({ SCRIPT_NAME, PATH_INFO, QUERY_STRING }: Environ, cacheControl: string): AppResponse {
  // One leading slash: two would name another host.
  const path = `${SCRIPT_NAME}${PATH_INFO}/`.replace(/^[/\\]+/, "/");
  const location = QUERY_STRING === "" ? path : `${path}?${QUERY_STRING}`;
  return refusal("301 Moved Permanently", [
    ["Location", location],
    // Browsers keep a 301 for good otherwise, even where the folder has become something else.
    ["Cache-Control", cacheControl],
  ]);
}
