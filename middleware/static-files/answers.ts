/** Answers to requests for the resources of a cache. */

import type { AppResponse, Body, Environ, HeaderList } from "../../src/gateway.ts";
import { addVary, removeHeaders, setHeader } from "../../src/http/headers.ts";
import type { Part } from "../../src/http/partial.ts";
import { notModifiedHeaders } from "../../src/http/precondition.ts";
import { type Evaluation, evaluate, type Prepared } from "./evaluate.ts";
import { FileBody } from "./file-body.ts";
import { withOwnHeaders } from "./file-headers.ts";
import { listFolder } from "./listing.ts";
import { redirectToFolder } from "./navigation.ts";
import { changed, isChanged } from "./open-file.ts";
import type { Policy } from "./policy.ts";
import { refusal, report } from "./refusal.ts";
import type { Representation } from "./representation.ts";
import { FileResource, FolderResource, type Resource } from "./resource.ts";
import { pageKey, type ResourceCache } from "./resource-cache.ts";

/** Up to how many bytes of a file are read at once, and sent as one chunk. */
const AT_ONCE = 256 * 1024;

/** A response; undefined where nothing is found. Without a promise if it needs nothing of the disk. */
export type Answer = AppResponse | undefined | Promise<AppResponse | undefined>;

export class Answers {
  readonly #cache: ResourceCache;
  readonly #policy: Policy;

  constructor(cache: ResourceCache, policy: Policy) {
    this.#cache = cache;
    this.#policy = policy;
  }

  /** Answers from the cache, or by looking on disk. */
  answer(environ: Environ): Answer {
    const cached = this.#cache.get(environ.PATH_INFO);
    return cached === undefined ? this.find(environ) : this.with(environ, cached);
  }

  /** Looks for the resource of a request, and answers with it. Rejects where it cannot be read. */
  async find(environ: Environ): Promise<AppResponse | undefined> {
    const { PATH_INFO: path } = environ;
    const exported = this.#cache.exportOf(path);
    if (exported === undefined) return undefined;
    const resource = await this.#cache.find(exported, path, (text) => report(environ, text));
    try {
      return await this.with(environ, resource);
    } finally {
      this.#cache.release(resource);
    }
  }

  /** Answers with a resource that was found. */
  with(environ: Environ, resource: Resource): Answer {
    const { found } = resource;
    if (found instanceof FileResource) return this.#file(environ, environ.PATH_INFO, resource, found);
    if (found === "moved") return this.#moved(environ);
    if (found instanceof FolderResource) return listFolder(environ, found, this.#policy);
    const { navigationFallback, notFoundPage } = this.#policy;
    const fallback = navigationFallback?.(environ);
    if (fallback === undefined) return notFoundPage === undefined ? undefined : this.#notFound(environ, notFoundPage);
    return this.#fallback(environ, fallback);
  }

  /** A folder that was asked for without its slash; `trailingSlash` around the site would send a client back here. */
  #moved(environ: Environ): Answer {
    if (environ["tsgi.state"]["slash.never"] !== true) return redirectToFolder(environ, this.#policy.cacheControl);
    return this.answer({ ...environ, PATH_INFO: `${environ.PATH_INFO}/` });
  }

  #file(
    environ: Environ,
    key: string,
    resource: Resource,
    found: FileResource,
    evaluateFile: Evaluate = evaluate,
  ): AppResponse | Promise<AppResponse> {
    const file = found.choose(environ.HTTP_ACCEPT_ENCODING);
    if (file === undefined) return refusal("406 Not Acceptable", [["Vary", "Accept-Encoding"]]);
    if (!isPrepared(file)) {
      return this.#unlessChanged(key, async () => {
        await file.prepare();
        this.#cache.resize(key, resource);
        return this.#file(environ, key, resource, found, evaluateFile);
      });
    }
    const evaluation = evaluateFile(environ, file);
    const { status, parts } = evaluation;
    const headers =
      this.#policy.headersFor === undefined ? evaluation.headers : this.#headers(environ, evaluation, file);
    if (parts === undefined) return { status, headers, body: evaluation.body };
    if (environ.REQUEST_METHOD === "HEAD") return { status, headers, body: undefined };
    if (file.bytes !== undefined) return { status, headers, body: slicesOf(file.bytes, parts) };
    return this.#unlessChanged(key, async () => ({
      status,
      headers,
      body: await this.#read(file, parts, key, resource),
    }));
  }

  /** The headers of a response with those that depend on the request. */
  #headers(environ: Environ, { status, headers }: Evaluation, file: Prepared): HeaderList {
    const isFile = status.startsWith("2") || status.startsWith("304");
    if (this.#policy.headersFor === undefined || !isFile) return headers;
    const merged = withOwnHeaders(headers, this.#policy.headersFor(environ, file.path, file.served));
    return status.startsWith("304") ? notModifiedHeaders(merged) : merged;
  }

  async #read(file: Prepared, parts: readonly Part[], key: string, resource: Resource): Promise<Body> {
    const { memory } = this.#policy;
    if (memory !== undefined && file.size <= memory.fileSize && !file.isGrowing) {
      const bytes = await file.load();
      this.#cache.resize(key, resource);
      return slicesOf(bytes, parts);
    }
    const mayGrow = file.mayGrowDuring(parts);
    if (file.isGrowing && !mayGrow) throw changed();
    const opened = await file.open();
    let isHandedOn = false;
    try {
      const [part] = parts;
      if (parts.length === 1 && part !== undefined && !(part instanceof Uint8Array)) {
        const length = part.last + 1 - part.first;
        if (length <= AT_ONCE) {
          const bytes = await opened.read(part.first, length);
          await opened.check(mayGrow);
          return bytes;
        }
      }
      isHandedOn = true;
      return await new FileBody(opened, parts, mayGrow).start();
    } finally {
      if (!isHandedOn) void opened.release();
    }
  }

  /** Does not trust what the cache has under a key when its file turns out to be another version. */
  async #unlessChanged<T>(key: string, work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isChanged(error)) this.#cache.delete(key);
      throw error;
    }
  }

  /** The file that answers navigations; the not-found page where it is missing. */
  async #fallback(environ: Environ, path: string): Promise<AppResponse | undefined> {
    const answer = await this.#page(environ, path, evaluate);
    if (answer === undefined) {
      return this.#policy.notFoundPage === undefined ? undefined : this.#notFound(environ, this.#policy.notFoundPage);
    }
    return { ...answer, headers: addVary(addVary(answer.headers, "Accept"), "Sec-Fetch-Mode") };
  }

  #notFound(environ: Environ, path: string): Promise<AppResponse | undefined> {
    return this.#page(environ, path, evaluateNotFound);
  }

  async #page(environ: Environ, path: string, evaluateFile: Evaluate): Promise<AppResponse | undefined> {
    const exported = this.#cache.exportOf(environ.PATH_INFO);
    if (exported === undefined) return undefined;
    const resource = await this.#cache.findPage(exported, path, (text) => report(environ, text));
    try {
      if (!(resource.found instanceof FileResource)) return undefined;
      return await this.#file(environ, pageKey(exported, path), resource, resource.found, evaluateFile);
    } finally {
      this.#cache.release(resource);
    }
  }
}

type Evaluate = (environ: Environ, file: Prepared) => Evaluation;

/** Conditions and ranges of the request are about what it asked for, not about the page. */
function evaluateNotFound(_environ: Environ, file: Prepared): Evaluation {
  const headers = removeHeaders(file.headers, "ETag", "Last-Modified", "Accept-Ranges");
  return { status: "404 Not Found", headers: setHeader(headers, "Cache-Control", "no-cache"), parts: file.whole };
}

function isPrepared(file: Representation): file is Prepared {
  return file.headers !== undefined;
}

function slicesOf(bytes: Uint8Array, parts: readonly Part[]): Body {
  if (parts.length > 1) return parts.map((part) => sliceOf(bytes, part));
  return sliceOf(bytes, parts[0] as Part);
}

function sliceOf(bytes: Uint8Array, part: Part): Uint8Array {
  if (part instanceof Uint8Array) return part;
  return part.last + 1 - part.first === bytes.length ? bytes : bytes.subarray(part.first, part.last + 1);
}
