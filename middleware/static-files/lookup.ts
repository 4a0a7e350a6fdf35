/** Looks at the disk for what is at a path. */

import { stat } from "node:fs";
import { basename } from "node:path";
import compressible from "compressible";
import type { Export } from "./exports.ts";
import { type Opened, OpenFile, openFile } from "./open-file.ts";
import type { Policy } from "./options.ts";
import { type Keeper, Representation, type Source } from "./representation.ts";
import { FileResource, FolderResource, type Probe, type Resource } from "./resource.ts";
import { leadsInside, nameIn, type Root } from "./root.ts";
import { type Encoding, isCurrent, VARIANTS } from "./variant.ts";
import { versionOf } from "./version.ts";

/** What a look needs to know beside what it looks for. */
export interface LookContext {
  readonly policy: Policy;
  readonly keeper: Keeper;
  /** Whether there may be something of that name. */
  readonly mayExist: (name: string) => boolean;
  /** Hears of what a person should know. */
  readonly report: (text: string) => void;
}

/** One look at one path. */
export class Lookup {
  readonly #context: LookContext;
  readonly #probes: Probe[] = [];

  constructor(context: LookContext) {
    this.#context = context;
  }

  /** Looks in each root in turn. Rejects with what goes wrong otherwise than by there being nothing. */
  async find({ roots }: Export, names: readonly string[], endsInSlash: boolean): Promise<Resource> {
    const folders: { root: Root; name: string }[] = [];
    for (const root of roots) {
      const found = root.isFolder
        ? await this.#findBelow(root, names, endsInSlash)
        : await this.#file(root, root.path, `/${basename(root.path)}`);
      if (found === "folder" && root.isFolder) folders.push({ root, name: nameIn(root, names) });
      else if (found !== undefined && found !== "folder") return { found, probes: this.#probes };
    }
    if (folders.length === 0) return { found: "absent", probes: this.#probes };
    const path = names.length === 0 ? "/" : `/${names.join("/")}/`;
    return { found: endsInSlash ? new FolderResource(folders, path) : "moved", probes: this.#probes };
  }

  /** `folder` for one that may be listed. */
  async #findBelow(
    root: Root,
    names: readonly string[],
    endsInSlash: boolean,
  ): Promise<FileResource | "moved" | "folder" | undefined> {
    const { index, extensions, listing, filter } = this.#context.policy;
    const name = nameIn(root, names);
    let isFolder = names.length === 0;
    if (!endsInSlash && names.length > 0) {
      const found = await this.#file(root, name, pathOf(names));
      if (found instanceof FileResource) return found;
      isFolder = found === "folder";
    }
    if (isFolder || endsInSlash) {
      for (const each of index) {
        const inside = [...names, each];
        const found = await this.#file(root, nameIn(root, inside), pathOf(inside), !endsInSlash);
        if (found === "moved" || found instanceof FileResource) return found;
      }
    }
    if (!endsInSlash && names.length > 0) {
      for (const extension of extensions) {
        const found = await this.#file(root, name + extension, pathOf(names) + extension);
        if (found instanceof FileResource) return found;
      }
    }
    if (!listing || filter?.(names.length === 0 ? "/" : `${pathOf(names)}/`) === false) return undefined;
    return isFolder || (await this.#isFolder(root, name)) ? "folder" : undefined;
  }

  async #isFolder(root: Root, name: string): Promise<boolean> {
    const opened = await this.#probe(root, name);
    if (opened instanceof OpenFile) void opened.release();
    return opened === "folder";
  }

  /** With `isHint` it is enough that the file is there: `moved`. */
  async #file(root: Root, name: string, path: string): Promise<FileResource | "folder" | undefined>;
  async #file(
    root: Root,
    name: string,
    path: string,
    isHint: boolean,
  ): Promise<FileResource | "folder" | "moved" | undefined>;
  async #file(
    root: Root,
    name: string,
    path: string,
    isHint = false,
  ): Promise<FileResource | "folder" | "moved" | undefined> {
    const { policy } = this.#context;
    if (!(policy.filter?.(path) ?? true)) return undefined;
    const opened = await this.#probe(root, name);
    if (!(opened instanceof OpenFile)) return opened;
    if (isHint) {
      void opened.release();
      return "moved";
    }
    const type = policy.typeOf(path);
    const encodings = policy.encodings.length > 0 && compressible(type) ? policy.encodings : [];
    const found = await Promise.all(encodings.map((encoding) => this.#variant(root, name, encoding, opened)));
    const variants = found.filter((each) => each !== undefined);
    const source = { root, path, hasVariants: variants.length > 0 };
    const [original, ...others] = this.#represent(
      [{ name, encoding: undefined, file: opened }, ...variants].map((each) => [{ ...source, ...each }, each.file]),
    );
    return new FileResource(original as Representation, others, policy.immutable?.test(path) ?? false);
  }

  #represent(files: readonly (readonly [Source, OpenFile])[]): Representation[] {
    const { policy, keeper } = this.#context;
    const made: Representation[] = [];
    try {
      for (const [source, file] of files) made.push(new Representation(source, file, policy, keeper));
      return made;
    } catch (error) {
      for (const each of made) each.letGo();
      for (const [, file] of files.slice(made.length)) void file.release();
      throw error;
    }
  }

  /** The variant of a file, if there is one that is neither older nor larger. */
  async #variant(root: Root, original: string, encoding: Encoding, { stats }: OpenFile) {
    const name = original + VARIANTS.find((each) => each.encoding === encoding)?.extension;
    const file = await this.#probe(root, name).catch(() => undefined);
    if (!(file instanceof OpenFile)) return undefined;
    if (isCurrent(file.stats, stats)) return { encoding, name, file };
    void file.release();
    return undefined;
  }

  async #probe(root: Root, name: string): Promise<Opened> {
    if (!this.#context.mayExist(name)) return undefined;
    const opened = await openFile(name, root, this.#context.report);
    this.#probes.push({ root, name, version: opened instanceof OpenFile ? opened.version : opened });
    return opened;
  }
}

function pathOf(names: readonly string[]): string {
  return `/${names.join("/")}`;
}

/** Whether what a look found is still so. */
export async function isUnchanged({ probes }: Resource): Promise<boolean> {
  return (await Promise.all(probes.map(holds))).every(Boolean);
}

/** A folder on the way may have been moved out of the root, and a link stand in its place: the file is the same then. */
async function holds({ root, name, version }: Probe): Promise<boolean> {
  return (await versionAt(name)) === version && (version === undefined || leadsInside(root, name));
}

function versionAt(name: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    stat(name, { bigint: true }, (error, stats) => {
      if (error) resolve(undefined);
      else resolve(stats.isDirectory() ? "folder" : versionOf(stats));
    });
  });
}
