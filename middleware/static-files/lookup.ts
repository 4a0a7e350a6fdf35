/** Looks at the disk for what is at a path. */

import { basename } from "node:path";
import compressible from "compressible";
import type { BoundedMap } from "../../src/bounded-map.ts";
import type { Export } from "./exports.ts";
import { statPath } from "./file-system.ts";
import { type Opened, OpenFile, openFile } from "./open-file.ts";
import type { OpenFiles } from "./open-files.ts";
import type { Policy } from "./policy.ts";
import { Representation } from "./representation.ts";
import { FileResource, FolderResource, type Probe, type Resource } from "./resource.ts";
import { leadsInside, nameIn, type Root } from "./root.ts";
import { type Encoding, isVariantOf, variantPath } from "./variant.ts";
import { versionOf } from "./version.ts";

/** What a lookup needs to know beside what it looks for. */
export interface LookupContext {
  readonly policy: Policy;
  readonly openFiles: OpenFiles;
  /** Which older variants decode to their files, by the versions of both. */
  readonly verified: BoundedMap<string, boolean>;
  /** Whether there may be something of that name. */
  readonly mayExist: (name: string) => boolean;
}

/** One lookup of one path. */
export class Lookup {
  readonly #context: LookupContext;
  readonly #probes: Probe[] = [];
  readonly #verdicts: [path: string, isServed: boolean][] = [];
  #isProvisional = false;

  constructor(context: LookupContext) {
    this.#context = context;
  }

  /** Looks in each root in turn. Rejects with errors of the file system that do not say that there is nothing. */
  async find({ roots }: Export, names: readonly string[], endsInSlash: boolean): Promise<Resource> {
    const folders: { root: Root; name: string }[] = [];
    for (const root of roots) {
      const found = root.isFolder
        ? await this.#findBelow(root, names, endsInSlash)
        : await this.#findFile(root, root.path, `/${basename(root.path)}`);
      if (found === "folder" && root.isFolder) folders.push({ root, name: nameIn(root, names) });
      else if (found !== undefined && found !== "folder") return this.#resource(found);
    }
    if (folders.length === 0) return this.#resource("absent");
    const path = names.length === 0 ? "/" : `/${names.join("/")}/`;
    return this.#resource(endsInSlash ? new FolderResource(folders, path) : "moved");
  }

  #resource(found: Resource["found"]): Resource {
    return { found, probes: this.#probes, verdicts: this.#verdicts, isProvisional: this.#isProvisional };
  }

  /** `folder` for one that may be listed. */
  async #findBelow(
    root: Root,
    names: readonly string[],
    endsInSlash: boolean,
  ): Promise<FileResource | "moved" | "folder" | undefined> {
    const { index, extensions, listing, redirects } = this.#context.policy;
    const name = nameIn(root, names);
    let isFolder = names.length === 0;
    if (!endsInSlash && names.length > 0) {
      const found = await this.#findFile(root, name, joinNames(names));
      if (found instanceof FileResource) return found;
      isFolder = found === "folder";
    }
    if (isFolder || endsInSlash) {
      for (const each of index) {
        const inside = [...names, each];
        const found = await this.#findFile(root, nameIn(root, inside), joinNames(inside), redirects && !endsInSlash);
        if (found === "moved" || found instanceof FileResource) return found;
      }
    }
    if (!endsInSlash && names.length > 0) {
      for (const extension of extensions) {
        const found = await this.#findFile(root, name + extension, joinNames(names) + extension);
        if (found instanceof FileResource) return found;
      }
    }
    if (!listing || !this.#isServed(names.length === 0 ? "/" : `${joinNames(names)}/`)) return undefined;
    return isFolder || (await this.#isFolder(root, name)) ? "folder" : undefined;
  }

  #isServed(path: string): boolean {
    const { filter } = this.#context.policy;
    if (filter === undefined) return true;
    const isServed = filter(path);
    this.#verdicts.push([path, isServed]);
    return isServed;
  }

  async #isFolder(root: Root, name: string): Promise<boolean> {
    const opened = await this.#probe(root, name, false);
    if (opened instanceof OpenFile) void opened.release();
    return opened === "folder";
  }

  /** With `existenceOnly` a file that is there gives `moved`. */
  async #findFile(root: Root, name: string, path: string): Promise<FileResource | "folder" | undefined>;
  async #findFile(
    root: Root,
    name: string,
    path: string,
    existenceOnly: boolean,
  ): Promise<FileResource | "folder" | "moved" | undefined>;
  async #findFile(
    root: Root,
    name: string,
    path: string,
    existenceOnly = false,
  ): Promise<FileResource | "folder" | "moved" | undefined> {
    if (!this.#isServed(path)) return undefined;
    const { policy, openFiles } = this.#context;
    const opened = await this.#probe(root, name, policy.isAppendOnly(path));
    if (!(opened instanceof OpenFile)) return opened;
    if (existenceOnly) {
      void opened.release();
      return "moved";
    }
    if (opened.isGrowing) this.#isProvisional = true;
    const variants = await this.#variants(root, name, path, opened);
    const source = { root, path, hasVariants: variants.length > 0, policy, openFiles };
    const others = variants.map((each) => new Representation(source, each.name, each.file, each.encoding));
    const original = new Representation(source, name, opened, undefined);
    return new FileResource(original, others, policy.isImmutable(path));
  }

  async #variants(root: Root, name: string, path: string, original: OpenFile) {
    const { policy } = this.#context;
    if (policy.encodings.length === 0 || original.isGrowing || !compressible(policy.typeOf(path))) return [];
    if (policy.storedEncodingOf(path) !== undefined) return [];
    const found = policy.encodings.map((encoding) => this.#variant(root, name, encoding, original));
    return (await Promise.all(found)).filter((each) => each !== undefined);
  }

  /**
   * The variant of a file, if there is one that stands for it. One that cannot be opened is tried again with the next lookup.
   */
  async #variant(root: Root, original: string, encoding: Encoding, originalFile: OpenFile) {
    const name = variantPath(original, encoding);
    let file: Opened;
    try {
      file = await this.#probe(root, name, false);
      if (!(file instanceof OpenFile)) return undefined;
      if (await isVariantOf(file, encoding, originalFile, this.#context.verified)) return { name, encoding, file };
    } catch {
      this.#isProvisional = true;
    }
    if (file instanceof OpenFile) void file.release();
    return undefined;
  }

  async #probe(root: Root, name: string, isAppendOnly: boolean): Promise<Opened> {
    if (!this.#context.mayExist(name)) return undefined;
    const opened = await openFile(name, root, { isAppendOnly, closeIdle: this.#context.openFiles.closeIdle });
    this.#probes.push({ root, name, version: opened instanceof OpenFile ? opened.version : opened });
    return opened;
  }
}

function joinNames(names: readonly string[]): string {
  return `/${names.join("/")}`;
}

/** Whether a lookup would give the same result again. */
export async function isUnchanged({ probes, isProvisional }: Resource): Promise<boolean> {
  return !isProvisional && (await Promise.all(probes.map(holds))).every(Boolean);
}

/** A folder on the way may have been moved out of the root and replaced by a link: the file is the same then. */
async function holds({ root, name, version }: Probe): Promise<boolean> {
  return (await versionAt(root, name)) === version && (version === undefined || leadsInside(root, name));
}

async function versionAt({ fs }: Root, name: string): Promise<string | undefined> {
  try {
    const stats = await statPath(fs, name);
    return stats.isDirectory() ? "folder" : versionOf(stats);
  } catch {
    return undefined;
  }
}
