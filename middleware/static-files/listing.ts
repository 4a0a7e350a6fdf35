/** The response that lists a folder. */

import type { AppResponse, Environ } from "../../src/gateway.ts";
import { preferredType } from "../../src/http/negotiation.ts";
import { mayName } from "./file-name.ts";
import { closeDescriptor, nameOfDescriptor, openDescriptor, statDescriptor } from "./file-system.ts";
import { type FolderEntry, isGone, mergeEntries, readFolder } from "./folder.ts";
import { LISTING_POLICY, listingJson, listingPage } from "./listing-page.ts";
import type { Policy } from "./policy.ts";
import type { FolderResource } from "./resource.ts";
import { isInside, leadsInside, type Root } from "./root.ts";

/** Lists the served entries of a folder in each root; undefined where it has vanished. Rejects where it may not be read. */
export async function listFolder(
  environ: Environ,
  folder: FolderResource,
  policy: Policy,
): Promise<AppResponse | undefined> {
  const isRoot = folder.path === "/";
  const isServed = (name: string, isFolder: boolean): boolean =>
    mayName(name, isRoot, policy.names) && (policy.filter?.(folder.path + name + (isFolder ? "/" : "")) ?? true);
  const found: FolderEntry[][] = [];
  for (const { root, name } of folder.folders) {
    const entries = await readInside(root, name, isServed);
    if (entries !== undefined) found.push(entries);
  }
  return found.length === 0 ? undefined : respondWith(environ, mergeEntries(found), isRoot);
}

/**
 * Reads a folder of a root. A link may take the folder's place at any time: where the system can name an open folder, it is
 * that one that is read; elsewhere, what was read does not count unless the folder is still the same afterwards.
 */
async function readInside(
  root: Root,
  name: string,
  isServed: (name: string, isFolder: boolean) => boolean,
): Promise<FolderEntry[] | undefined> {
  const { fs } = root;
  const isLinkInside = (path: string) => leadsInside(root, path);
  let descriptor: number;
  try {
    descriptor = await openDescriptor(fs, name);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
  try {
    const stats = await statDescriptor(fs, descriptor);
    if (!stats.isDirectory() || !(await isInside(root, name, descriptor, stats))) return undefined;
    const entries = await readFolder(nameOfDescriptor(fs, descriptor) ?? name, isServed, isLinkInside, fs);
    return (await isInside(root, name, descriptor, stats)) ? entries : undefined;
  } finally {
    void closeDescriptor(fs, descriptor);
  }
}

function respondWith(environ: Environ, entries: readonly FolderEntry[], isRoot: boolean): AppResponse {
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
