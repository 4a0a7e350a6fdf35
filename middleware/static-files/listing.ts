/** The answer that lists a folder. */

import type { AppResponse, Environ } from "../../src/gateway.ts";
import { preferredType } from "../../src/http/negotiation.ts";
import { mayName } from "./file-name.ts";
import { type FolderEntry, mergeEntries, readFolder } from "./folder.ts";
import { LISTING_POLICY, listingJson, listingPage } from "./listing-page.ts";
import type { Policy } from "./options.ts";
import type { FolderResource } from "./resource.ts";
import { leadsInside } from "./root.ts";

/** Lists a folder, of each root what is served of it; undefined where it has vanished. Rejects where it may not be read. */
export async function list(environ: Environ, folder: FolderResource, policy: Policy): Promise<AppResponse | undefined> {
  const isRoot = folder.path === "/";
  const isServed = (name: string, isFolder: boolean): boolean =>
    mayName(name, isRoot, policy.names) && (policy.filter?.(folder.path + name + (isFolder ? "/" : "")) ?? true);
  const found: FolderEntry[][] = [];
  for (const { root, name } of folder.folders) {
    const entries = await readFolder(name, isServed, (path) => leadsInside(root, path));
    // A link may have taken the folder's place before it was read.
    if (entries !== undefined && (await leadsInside(root, name))) found.push(entries);
  }
  return found.length === 0 ? undefined : answerOf(environ, mergeEntries(found), isRoot);
}

function answerOf(environ: Environ, entries: readonly FolderEntry[], isRoot: boolean): AppResponse {
  const path = environ.SCRIPT_NAME + environ.PATH_INFO;
  const isJson = preferredType(environ.HTTP_ACCEPT, ["text/html", "application/json"]) === "application/json";
  return {
    status: "200 OK",
    headers: [
      ["Content-Type", `${isJson ? "application/json" : "text/html"}; charset=utf-8`],
      ["Cache-Control", "no-cache"],
      ["Content-Security-Policy", LISTING_POLICY],
      ["X-Content-Type-Options", "nosniff"],
      ["Vary", "Accept"],
    ],
    body: isJson ? listingJson(path, entries) : listingPage(path, entries, isRoot),
  };
}
