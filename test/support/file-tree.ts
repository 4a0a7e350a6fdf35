/** Folders with files for tests of what serves them. */

import { createHash } from "node:crypto";
import { readdirSync, readlinkSync, realpathSync } from "node:fs";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import { after } from "node:test";
import type { HeaderList } from "../../src/gateway.ts";
import type { TestResponse } from "../../src/testing.ts";

/** When every file of a tree was written, and how `Last-Modified` says it. */
export const WRITTEN: Date = new Date("2024-05-06T07:08:09Z");
export const LAST_MODIFIED = "Mon, 06 May 2024 07:08:09 GMT";

/** Makes a folder with these files in it, and removes it after the tests. A name that ends in `/` is an empty folder. */
export async function fileTree(files: Record<string, string | Uint8Array>): Promise<string> {
  const root = await mkdtemp(join(realpathSync(tmpdir()), "tsgi-files-"));
  after(() => rm(root, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    await mkdir(name.endsWith("/") ? path : dirname(path), { recursive: true });
    if (!name.endsWith("/")) await writeFileThen(path, content);
  }
  return root;
}

/** Writes a file as of then. */
export async function writeFileThen(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content);
  await utimes(path, WRITTEN, WRITTEN);
}

/** The entity tag of a file with that content, which memory has room for. */
export function tagOf(content: string | Uint8Array): string {
  return `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
}

/** The entity tag of a file of that many bytes in a tree, with `etag: "stat"`. */
export function statTagOf(size: number, written: Date = WRITTEN): string {
  return `"${size.toString(36)}-${(BigInt(written.getTime()) * 1_000_000n).toString(36)}"`;
}

/** A whole response as a literal. */
export interface Seen {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export async function seen(response: TestResponse): Promise<Seen> {
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}

/** The response to a request for a file of a tree. */
export function file(type: string, body: string, changes: Record<string, string> = {}): Seen {
  const size = Buffer.byteLength(body);
  return {
    status: 200,
    headers: {
      "accept-ranges": "bytes",
      "cache-control": "no-cache",
      "content-length": String(size),
      "content-type": type,
      etag: tagOf(body),
      "last-modified": LAST_MODIFIED,
      "x-content-type-options": "nosniff",
      ...changes,
    },
    body,
  };
}

/** A response whose body is its reason phrase. */
export function plain(status: number, body: string, headers: Record<string, string> = {}): Seen {
  const length = { "content-length": String(body.length), "content-type": "text/plain; charset=utf-8" };
  return { status, headers: { ...length, ...headers }, body };
}

/** The response of the app within, for requests that are passed on. */
export const PASSED_ON: Seen = plain(404, "Not Found\n");

/** The headers of a request as an object of one line. */
export function withHeader(name: string, value: string): { headers: HeaderList } {
  return { headers: [[name, value]] };
}

/** How many descriptors of this process are open on files below a folder. Linux only. */
export function openBelow(folder: string): number {
  let count = 0;
  for (const descriptor of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(folder + sep)) count++;
    } catch {
      // The descriptor of the listing itself.
    }
  }
  return count;
}

/** Waits until nothing below a folder is open; the test's own time limit ends it. */
export async function allClosed(folder: string): Promise<void> {
  while (openBelow(folder) > 0) await new Promise((resolve) => setTimeout(resolve, 2));
}
