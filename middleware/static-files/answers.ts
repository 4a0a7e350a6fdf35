/** Answers to requests for what the catalogue has. */

import { escapeControls } from "../../src/escape.ts";
import type { AppResponse, Body, Environ } from "../../src/gateway.ts";
import { addVary } from "../../src/http/headers.ts";
import { isNavigation, judge, moved } from "./answer.ts";
import { FileBody, type Part } from "./file-body.ts";
import { list } from "./listing.ts";
import type { Policy } from "./options.ts";
import type { Representation } from "./representation.ts";
import { FileResource, FolderResource, type Resource } from "./resource.ts";
import { fallbackKey, type ResourceCache } from "./resource-cache.ts";

/** Up to how many bytes of a file are read at once, and sent as one chunk. */
const AT_ONCE = 256 * 1024;

export class Responses {
  readonly #catalogue: ResourceCache;
  readonly #policy: Policy;

  constructor(catalogue: ResourceCache, policy: Policy) {
    this.#catalogue = catalogue;
    this.#policy = policy;
  }

  /** Looks for what a request asks for; undefined where it is not there. */
  async find(environ: Environ): Promise<AppResponse | undefined> {
    const exported = this.#catalogue.exportOf(environ.PATH_INFO);
    if (exported === undefined) return undefined;
    const resource = await this.#catalogue.find(exported, environ.PATH_INFO, (text) => report(environ, text));
    try {
      return await this.to(environ, resource);
    } finally {
      this.#catalogue.release(resource);
    }
  }

  /** The answer for what was found; undefined where it is not there. At once, if it needs nothing of the disk. */
  to(environ: Environ, resource: Resource): AppResponse | undefined | Promise<AppResponse | undefined> {
    const { found } = resource;
    if (found instanceof FileResource) return this.#file(environ, environ.PATH_INFO, resource, found);
    if (found === "moved") return moved(environ, this.#policy.cacheControl);
    if (found instanceof FolderResource) return list(environ, found, this.#policy);
    return this.#policy.fallback !== undefined && isNavigation(environ) ? this.#fallback(environ) : undefined;
  }

  #file(environ: Environ, key: string, resource: Resource, found: FileResource): AppResponse | Promise<AppResponse> {
    const judgement = judge(environ, found);
    if (judgement.parts === undefined) return judgement;
    const { status, headers, file, parts } = judgement;
    if (environ.REQUEST_METHOD === "HEAD") return { status, headers, body: undefined };
    if (file.bytes !== undefined) return { status, headers, body: slicesOf(file.bytes, parts) };
    return this.#read(file, parts, key, resource).then((body) => ({ status, headers, body }));
  }

  async #read(file: Representation, parts: readonly Part[], key: string, resource: Resource): Promise<Body> {
    const { memory } = this.#policy;
    if (memory !== undefined && file.size <= memory.fileSize) {
      const bytes = await file.load();
      this.#catalogue.weigh(key, resource);
      return slicesOf(bytes, parts);
    }
    const opened = await file.open();
    let isHandedOn = false;
    try {
      const [part] = parts;
      if (parts.length === 1 && part !== undefined && !(part instanceof Uint8Array)) {
        const length = part.last + 1 - part.first;
        if (length <= AT_ONCE) return await opened.read(part.first, length, true);
      }
      isHandedOn = true;
      return await new FileBody(opened, parts).begun();
    } finally {
      if (!isHandedOn) void opened.release();
    }
  }

  async #fallback(environ: Environ): Promise<AppResponse | undefined> {
    const exported = this.#catalogue.exportOf(environ.PATH_INFO);
    if (exported === undefined) return undefined;
    const resource = await this.#catalogue.findFallback(exported, (text) => report(environ, text));
    try {
      if (!(resource.found instanceof FileResource)) return undefined;
      const answer = await this.#file(environ, fallbackKey(exported), resource, resource.found);
      return { ...answer, headers: addVary(addVary(answer.headers, "Accept"), "Sec-Fetch-Mode") };
    } finally {
      this.#catalogue.release(resource);
    }
  }
}

function slicesOf(bytes: Uint8Array, parts: readonly Part[]): Body {
  if (parts.length > 1) return parts.map((part) => sliceOf(bytes, part));
  return sliceOf(bytes, parts[0] as Part);
}

function sliceOf(bytes: Uint8Array, part: Part): Uint8Array {
  if (part instanceof Uint8Array) return part;
  return part.last + 1 - part.first === bytes.length ? bytes : bytes.subarray(part.first, part.last + 1);
}

function report({ REQUEST_METHOD, REQUEST_URI, "tsgi.errors": errors }: Environ, text: string): void {
  errors.write(`${REQUEST_METHOD} ${REQUEST_URI}: ${escapeControls(text)}\n`);
}
