/** Caches what each path leads to; looks on disk when the entry has expired. */

import { LRUCache } from "lru-cache";
import { BoundedMap } from "../../src/bounded-map.ts";
import { canonicalPath } from "../../src/http/path.ts";
import type { PathTree } from "../../src/routing/path-tree.ts";
import type { Export } from "./exports.ts";
import { fileNames } from "./file-name.ts";
import { isUnchanged, Lookup, type LookupContext } from "./lookup.ts";
import { manifestOf } from "./manifest.ts";
import { memoryOf } from "./memory-use.ts";
import { OpenFiles } from "./open-files.ts";
import type { Policy } from "./policy.ts";
import { FileResource, type Resource } from "./resource.ts";
import { reportIfGone } from "./root.ts";
import { mayBeIncomplete } from "./version.ts";

/** Reports something that an operator should know. */
export type Report = (text: string) => void;

interface Entry {
  readonly resource: Resource;
  /** Until when the entry holds without a look at the disk, by `performance.now()`. */
  expires: number;
}

/** How many paths where nothing is are remembered, and up to which length: clients make them up. */
const ABSENT = 1000;
const ABSENT_LENGTH = 1000;

const NOTHING: Resource = { found: "absent", probes: [], verdicts: [], isProvisional: false };

export class ResourceCache {
  readonly #policy: Policy;
  readonly #exports: PathTree<Export>;
  readonly #context: LookupContext;
  readonly #entries: LRUCache<string, Entry> | undefined;
  readonly #absent: LRUCache<string, Entry> | undefined;
  readonly #lookups = new Map<string, Promise<Resource>>();

  constructor(exports: PathTree<Export>, policy: Policy) {
    const { memory, manifest } = policy;
    this.#policy = policy;
    this.#exports = exports;
    this.#context = {
      policy,
      openFiles: new OpenFiles(memory === undefined ? 0 : undefined),
      verified: new BoundedMap(1000),
      mayExist: manifest ? manifestOf(exports) : () => true,
    };
    if (memory === undefined) return;
    this.#entries = new LRUCache({
      maxSize: Math.max(1, memory.totalSize),
      noDisposeOnSet: true,
      dispose: ({ resource }) => closeResource(resource),
    });
    this.#absent = new LRUCache({ max: ABSENT });
  }

  /** The export that a path is below. */
  exportOf(path: string): Export | undefined {
    return this.#exports.find(path).literal;
  }

  /** The resource under a key, a path or that of a `pageKey`; undefined where the disk has to be looked at first. */
  get(key: string): Resource | undefined {
    const entry = this.#entries?.get(key) ?? this.#absent?.get(key);
    if (entry === undefined || performance.now() >= entry.expires) return undefined;
    return this.#isFiltered(entry.resource) ? entry.resource : undefined;
  }

  /** Whether the filter would decide as it did. */
  #isFiltered({ verdicts }: Resource): boolean {
    return verdicts.length === 0 || verdicts.every(([path, isServed]) => this.#policy.filter?.(path) === isServed);
  }

  /** The resource at a path below an export. To be released. Rejects where it cannot be read. */
  find(exported: Export, path: string, report: Report): Promise<Resource> | Resource {
    if (!isCanonical(path)) return NOTHING;
    const rest = path.slice(exported.prefix.length);
    if (!exported.roots[0].isFolder) {
      return rest === "" || path === "/" ? this.#look(path, exported, [], false, report) : NOTHING;
    }
    const names = fileNames(rest, this.#policy.names);
    return names === undefined ? NOTHING : this.#look(path, exported, names, rest.endsWith("/"), report);
  }

  /** A file by its path below an export, which answers requests for other paths. To be released. */
  findPage(exported: Export, path: string, report: Report): Promise<Resource> | Resource {
    if (!exported.roots[0].isFolder) return NOTHING;
    const key = pageKey(exported, path);
    return this.get(key) ?? this.#look(key, exported, path.slice(1).split("/"), false, report);
  }

  /** Concurrent requests for one path share a lookup. */
  #look(
    key: string,
    exported: Export,
    names: readonly string[],
    endsInSlash: boolean,
    report: Report,
  ): Promise<Resource> {
    const lookUp = () => new Lookup(this.#context).find(exported, names, endsInSlash);
    if (this.#entries === undefined) return this.#reportIfGone(exported, lookUp(), report);
    const running = this.#lookups.get(key);
    if (running !== undefined) return running;
    const started = this.#reportIfGone(exported, this.#refresh(key, lookUp), report).finally(() =>
      this.#lookups.delete(key),
    );
    this.#lookups.set(key, started);
    return started;
  }

  async #reportIfGone({ roots }: Export, pending: Promise<Resource>, report: Report): Promise<Resource> {
    const resource = await pending;
    if (resource.found === "absent") for (const root of roots) await reportIfGone(root, report);
    return resource;
  }

  async #refresh(key: string, lookUp: () => Promise<Resource>): Promise<Resource> {
    const now = performance.now();
    const entry = this.#entries?.get(key) ?? this.#absent?.get(key);
    if (entry !== undefined && this.#isFiltered(entry.resource) && (await isUnchanged(entry.resource))) {
      entry.expires = now + this.#interval(entry.resource);
      return entry.resource;
    }
    this.delete(key);
    const resource = await lookUp();
    const fresh = { resource, expires: now + this.#interval(resource) };
    if (resource.found !== "absent") this.#entries?.set(key, fresh, { size: memoryOf(key, resource) });
    else if (key.length <= ABSENT_LENGTH) this.#absent?.set(key, fresh);
    return resource;
  }

  /** For how long a resource holds, in milliseconds. An upload that has stalled may go on: its file is looked at again. */
  #interval({ found, isProvisional }: Resource): number {
    const interval = this.#policy.memory?.interval ?? 0;
    if (isProvisional) return interval;
    if (!(found instanceof FileResource)) return this.#policy.manifest ? Number.POSITIVE_INFINITY : interval;
    const isForever = this.#policy.manifest || found.isImmutable;
    const isComplete = !found.representations.some(({ changedAt }) => mayBeIncomplete(changedAt));
    return isForever && isComplete ? Number.POSITIVE_INFINITY : interval;
  }

  /** Removes what was known under a key. */
  delete(key: string): void {
    this.#entries?.delete(key);
    this.#absent?.delete(key);
  }

  /** Adjusts the size of an entry after bytes or headers of its file have come into memory. */
  resize(key: string, { found }: Resource): void {
    const entry = this.#entries?.get(key);
    if (entry === undefined || entry.resource.found !== found) return;
    // Another object: the cache takes no new size for the one that it has.
    this.#entries?.set(key, { ...entry }, { size: memoryOf(key, entry.resource) });
  }

  /** To be called when a resource is not needed any more: it is closed, unless it is cached. */
  release(resource: Resource): void {
    if (this.#entries === undefined) closeResource(resource);
  }
}

/** The key of a file that answers requests for other paths of an export; it is not a path. */
export function pageKey({ prefix }: Export, path: string): string {
  return `${prefix}\0${path}`;
}

function closeResource({ found }: Resource): void {
  if (found instanceof FileResource) found.close();
}

/** Servers canonicalise paths; other callers of an app may not, and a guard around it has seen another path then. */
function isCanonical(path: string): boolean {
  return path === "" || canonicalPath(path, false) === path;
}
