/** What is at a path: a file in one or several representations, a folder, or nothing. */

import { preferredEncoding } from "../../src/http/negotiation.ts";
import type { Representation } from "./representation.ts";
import type { Root } from "./root.ts";

/** A name that was looked at, and what was found there: a version, a folder or nothing that is served. */
export interface Probe {
  readonly root: Root;
  readonly name: string;
  readonly version: string | "folder" | undefined;
}

/** The result of a lookup with the checks that it depends on; valid as long as they all give the same answer. */
export interface Resource {
  readonly found: FileResource | FolderResource | "moved" | "absent";
  /** Looks at the disk. */
  readonly probes: readonly Probe[];
  /** Answers of the `filter`, by path. */
  readonly verdicts: readonly (readonly [path: string, isServed: boolean])[];
  /** Whether a look failed for reasons that may pass, so that the next one may find more. */
  readonly isProvisional: boolean;
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

/** How many choices for different `Accept-Encoding` are remembered, and up to which length: browsers send a handful. */
const REMEMBERED = 16;
const REMEMBERED_LENGTH = 100;

/** A file, as it is and in the variants that lie beside it. */
export class FileResource {
  readonly original: Representation;
  readonly isImmutable: boolean;
  readonly #variants: readonly Representation[];
  #chosen: Map<string, Representation | undefined> | undefined;

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
    if (this.#chosen?.has(acceptEncoding)) return this.#chosen.get(acceptEncoding);
    const available = [...this.#variants.map(({ encoding }) => encoding as string), "identity"];
    const wanted = preferredEncoding(acceptEncoding, available);
    const chosen = wanted === "identity" ? this.original : this.#variants.find(({ encoding }) => encoding === wanted);
    if (acceptEncoding.length > REMEMBERED_LENGTH) return chosen;
    if (this.#chosen === undefined || this.#chosen.size >= REMEMBERED) this.#chosen = new Map();
    this.#chosen.set(acceptEncoding, chosen);
    return chosen;
  }

  /** Closes the files of all representations. */
  close(): void {
    for (const each of this.representations) void each.close();
  }
}
