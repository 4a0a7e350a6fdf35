/** What is at a path: a file in one or several representations, a folder, or nothing. */

import { preferredEncoding } from "../../src/http/negotiation.ts";
import type { Representation } from "./representation.ts";
import type { Root } from "./root.ts";

/** A name that was looked at, and what stood there: a version, a folder or nothing that is served. */
export interface Probe {
  readonly root: Root;
  readonly name: string;
  readonly version: string | "folder" | undefined;
}

/** What a look found, and what it rests on: as long as every probe holds, so does the finding. */
export interface Resource {
  readonly found: FileResource | FolderResource | "moved" | "absent";
  readonly probes: readonly Probe[];
}

/** A folder to be listed. */
export class FolderResource {
  readonly folders: readonly { readonly root: Root; readonly name: string }[];
  /** The path below the export, with a slash at both ends. */
  readonly path: string;

  constructor(folders: FolderResource["folders"], path: string) {
    this.folders = folders;
    this.path = path;
  }
}

/** How many answers for different `Accept-Encoding` are remembered, and up to which length: browsers send a handful. */
const REMEMBERED = 16;
const REMEMBERED_LENGTH = 100;

/** A file, as it is and in the variants that lie beside it. */
export class FileResource {
  readonly original: Representation;
  readonly isImmutable: boolean;
  readonly #variants: readonly Representation[];
  readonly #chosen = new Map<string | undefined, Representation | undefined>();

  constructor(original: Representation, variants: readonly Representation[], isImmutable: boolean) {
    this.original = original;
    this.isImmutable = isImmutable;
    this.#variants = variants.toSorted((one, other) => one.size - other.size);
  }

  get representations(): readonly Representation[] {
    return [this.original, ...this.#variants];
  }

  /** The representation to send, the smallest of those that a client likes best; undefined where it accepts none. */
  choose(acceptEncoding: string | undefined): Representation | undefined {
    if (acceptEncoding === undefined) return this.original;
    if (this.#variants.length === 0 && !acceptEncoding.includes("0")) return this.original;
    if (this.#chosen.has(acceptEncoding)) return this.#chosen.get(acceptEncoding);
    const available = [...this.#variants.map(({ encoding }) => encoding as string), "identity"];
    const wanted = preferredEncoding(acceptEncoding, available);
    const chosen = wanted === "identity" ? this.original : this.#variants.find(({ encoding }) => encoding === wanted);
    if (acceptEncoding.length > REMEMBERED_LENGTH) return chosen;
    if (this.#chosen.size >= REMEMBERED) this.#chosen.clear();
    this.#chosen.set(acceptEncoding, chosen);
    return chosen;
  }
}
