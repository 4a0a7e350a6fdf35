/** What is at which path: remembered as long as it may be, looked for on the disk otherwise. */

import { LRUCache } from "lru-cache";
import { canonicalPath } from "../../src/http/path.ts";
import type { PathTree } from "../../src/routing/path-tree.ts";
import { type Export, type Exports, findExports } from "./exports.ts";
import { fileNames } from "./file-name.ts";
import { isUnchanged, type LookContext, Lookup } from "./lookup.ts";
import { manifestOf } from "./manifest.ts";
import { OpenFiles } from "./open-files.ts";
import type { Policy } from "./options.ts";
import { FileResource, type Resource } from "./resource.ts";
import { reportIfGone } from "./root.ts";

/** Hears of what a person should know. */
export type Report = (text: string) => void;

interface Entry {
  readonly resource: Resource;
  /** Until when it holds without a look at the disk, by `performance.now()`. */
  expires: number;
}

/** What an entry takes beside the bytes of files, about. */
const ENTRY_SIZE = 2048;

/** How many paths where nothing is are remembered, and up to which length: clients make them up. */
const ABSENT = 1000;
const ABSENT_LENGTH = 1000;

const NOTHING: Resource = { found: "absent", probes: [] };

export class ResourceCache {
  readonly #policy: Policy;
  readonly #exports: PathTree<Export>;
  readonly #context: Omit<LookContext, "report">;
  readonly #entries: LRUCache<string, Entry> | undefined;
  readonly #absent: LRUCache<string, Entry> | undefined;
  readonly #looking = new Map<string, Promise<Resource>>();

  /** Throws `TSGI_BAD_EXPORT`. */
  constructor(exports: Exports, policy: Policy) {
    const { memory, manifest } = policy;
    this.#policy = policy;
    this.#exports = findExports(exports, policy.followsLinks);
    const known = manifest ? manifestOf(this.#exports) : undefined;
    this.#context = {
      policy,
      keeper: memory === undefined ? { keep: () => {}, drop: () => {} } : new OpenFiles(),
      mayExist: known === undefined ? () => true : (name) => known.has(name),
    };
    if (memory === undefined) return;
    this.#entries = new LRUCache({
      maxSize: Math.max(1, memory.totalSize),
      noDisposeOnSet: true,
      dispose: ({ resource }) => letGo(resource),
    });
    this.#absent = new LRUCache({ max: ABSENT });
  }

  /** What is exported on the way to a path. */
  exportOf(path: string): Export | undefined {
    return this.#exports.find(path).literal;
  }

  /** What is known to be under a key, a path or a fallback's; undefined where the disk has to be looked at first. */
  known(key: string): Resource | undefined {
    const entry = this.#entries?.get(key) ?? this.#absent?.get(key);
    return entry !== undefined && performance.now() < entry.expires ? entry.resource : undefined;
  }

  /** What is at a path below an export. To be released. Rejects where what is there cannot be read. */
  find(exported: Export, path: string, report: Report): Promise<Resource> | Resource {
    if (!isCanonical(path)) return NOTHING;
    const rest = path.slice(exported.prefix.length);
    if (!exported.roots[0].isFolder) {
      return rest === "" || path === "/" ? this.#ask(path, exported, [], false, report) : NOTHING;
    }
    const names = fileNames(rest, this.#policy.names);
    return names === undefined ? NOTHING : this.#ask(path, exported, names, rest.endsWith("/"), report);
  }

  /** The file that navigations to what is not there are answered with. */
  findFallback(exported: Export, report: Report): Promise<Resource> | Resource {
    const names = this.#policy.fallback?.slice(1).split("/");
    if (names === undefined || !exported.roots[0].isFolder) return NOTHING;
    const key = fallbackKey(exported);
    return this.known(key) ?? this.#ask(key, exported, names, false, report);
  }

  /** Requests for one path that come at the same time share a look. */
  #ask(key: string, exported: Export, names: string[], endsInSlash: boolean, report: Report): Promise<Resource> {
    const look = () => new Lookup({ ...this.#context, report }).find(exported, names, endsInSlash);
    if (this.#entries === undefined) return this.#seen(exported, look(), report);
    const running = this.#looking.get(key);
    if (running !== undefined) return running;
    const asked = this.#seen(exported, this.#refresh(key, look), report).finally(() => this.#looking.delete(key));
    this.#looking.set(key, asked);
    return asked;
  }

  /** Where nothing is found, the roots may be gone. */
  async #seen({ roots }: Export, pending: Promise<Resource>, report: Report): Promise<Resource> {
    const resource = await pending;
    if (resource.found === "absent") for (const root of roots) await reportIfGone(root, report);
    return resource;
  }

  async #refresh(key: string, look: () => Promise<Resource>): Promise<Resource> {
    const now = performance.now();
    const entry = this.#entries?.get(key) ?? this.#absent?.get(key);
    if (entry !== undefined && (await isUnchanged(entry.resource))) {
      entry.expires = now + this.#interval(entry.resource);
      return entry.resource;
    }
    this.#forget(key);
    const resource = await look();
    const fresh = { resource, expires: now + this.#interval(resource) };
    if (resource.found !== "absent") this.#entries?.set(key, fresh, { size: ENTRY_SIZE });
    else if (key.length <= ABSENT_LENGTH) this.#absent?.set(key, fresh);
    return resource;
  }

  #interval({ found }: Resource): number {
    const isForever = this.#policy.manifest || (found instanceof FileResource && found.isImmutable);
    return isForever ? Number.POSITIVE_INFINITY : (this.#policy.memory?.interval ?? 0);
  }

  #forget(key: string): void {
    this.#entries?.delete(key);
    this.#absent?.delete(key);
  }

  /** To be told that what was known of a path did not hold. */
  forget(path: string): void {
    this.#forget(path);
    const exported = this.exportOf(path);
    if (exported !== undefined) this.#forget(fallbackKey(exported));
  }

  /** To be told when bytes of a file have come into memory. */
  weigh(key: string, { found }: Resource): void {
    const entry = this.#entries?.get(key);
    if (entry === undefined || entry.resource.found !== found || !(found instanceof FileResource)) return;
    const bytes = found.representations.reduce((sum, each) => sum + (each.bytes?.length ?? 0), 0);
    // Another object: the cache takes no new size for the one that it has.
    this.#entries?.set(key, { ...entry }, { size: ENTRY_SIZE + bytes });
  }

  /** What was found is not needed any more: nothing of it stays open, unless it is remembered. */
  release(resource: Resource): void {
    if (this.#entries === undefined) letGo(resource);
  }
}

/** The key of an export's fallback, which no path is. */
export function fallbackKey({ prefix }: Export): string {
  return `${prefix}\0`;
}

function letGo({ found }: Resource): void {
  if (found instanceof FileResource) for (const each of found.representations) each.letGo();
}

/** Servers canonicalise paths; what else calls an app may not, and a guard around it has seen another path then. */
function isCanonical(path: string): boolean {
  return path === "" || canonicalPath(path, false) === path;
}
