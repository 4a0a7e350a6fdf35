/** One version of a file, as it is sent: its validators, its headers, and its bytes where they are in memory. */

import type { HeaderList } from "../../src/gateway.ts";
import { prepareHeaders } from "../../src/http/field-rules.ts";
import { notModifiedHeaders, type Validators } from "../../src/http/precondition.ts";
import type { ByteRange } from "../../src/http/range.ts";
import { HASHED, hashOf, hashOfFile } from "./content-hash.ts";
import { contentTag, givenTag, NO_TAG, statTag, versionTag } from "./entity-tag.ts";
import { fileHeadersOf } from "./file-headers.ts";
import { changed, OpenFile, openFile } from "./open-file.ts";
import type { FileOwner, OpenFiles } from "./open-files.ts";
import type { ServedFile } from "./options.ts";
import type { Policy } from "./policy.ts";
import type { Root } from "./root.ts";
import type { Encoding } from "./variant.ts";
import { hasOwnTime, versionOf } from "./version.ts";

/** What the representations of one file have in common. */
export interface Source {
  readonly root: Root;
  /** The path below the export of the file that was asked for, whose variant a representation may be. */
  readonly path: string;
  /** Whether there are others to choose from. */
  readonly hasVariants: boolean;
  readonly policy: Policy;
  readonly openFiles: OpenFiles;
}

/** Times before 1991 are older than HTTP: builds set them so that equal bytes make equal archives. In milliseconds. */
const FIRST_TIME = Date.UTC(1991, 0);

export class Representation implements Validators, FileOwner {
  readonly size: number;
  /** In seconds since 1970; NaN where it says nothing about the bytes. */
  readonly modified: number;
  /** When the file was last changed, in milliseconds since 1970. */
  readonly changedAt: number;
  readonly encoding: Encoding | undefined;
  /** Whether the file grows all the time, so that it cannot be sent as a whole. */
  readonly isGrowing: boolean;
  /** All of it, as a part of a body. */
  readonly whole: readonly [ByteRange];
  etag: string = NO_TAG;
  /** The headers of a 200, prepared; undefined until `prepare` was called. */
  headers: HeaderList | undefined;
  /** The headers of a 304, prepared. */
  unmodifiedHeaders: HeaderList = [];
  bytes: Uint8Array | undefined;
  isInUse = true;
  readonly #source: Source;
  readonly #name: string;
  readonly #version: string;
  readonly #hasOwnTime: boolean;
  readonly #time: number;
  #file: OpenFile | undefined;
  #opening: Promise<void> | undefined;
  #loading: Promise<Uint8Array> | undefined;
  #preparing: Promise<void> | undefined;

  /** Takes over the open file of that name. */
  constructor(source: Source, name: string, file: OpenFile, encoding: Encoding | undefined) {
    const { stats } = file;
    this.#source = source;
    this.#name = name;
    this.#version = file.version;
    this.#file = file;
    this.encoding = encoding;
    this.isGrowing = file.isGrowing;
    this.size = Number(stats.size);
    this.whole = [{ first: 0, last: this.size - 1 }];
    // RFC 9110 §8.8.2.1: never later than now, whatever the clock said that stamped the file.
    this.#time = Math.min(Number(stats.mtimeMs), Date.now());
    this.modified = this.#time < FIRST_TIME || file.isGrowing ? Number.NaN : Math.floor(this.#time / 1000);
    this.changedAt = Number(stats.ctimeMs);
    this.#hasOwnTime = hasOwnTime(stats);
    source.openFiles.add(this);
  }

  /** The path below the export of the file that was asked for. */
  get path(): string {
    return this.#source.path;
  }

  /** The validators that hold for parts of the file: a date only where it cannot stand for other bytes (RFC 9110 §13.1.5). */
  get forRanges(): Validators {
    return { etag: this.etag, modified: this.#hasOwnTime ? this.modified : Number.NaN };
  }

  /** The file as the functions among the options see it. */
  get served(): ServedFile {
    const { path, policy } = this.#source;
    const modified = new Date(Math.floor(this.#time / 1000) * 1000);
    return { path, size: this.size, modified, contentType: policy.typeOf(path), encoding: this.encoding };
  }

  /** Finds the tag and makes the headers, once for all callers. */
  prepare(): Promise<void> {
    this.#preparing ??= this.#prepare().finally(() => {
      this.#preparing = undefined;
    });
    return this.#preparing;
  }

  async #prepare(): Promise<void> {
    const { policy, hasVariants } = this.#source;
    this.etag = await this.#tag();
    this.headers = prepareHeaders(
      fileHeadersOf(this.served, { etag: this.etag, modified: this.modified, hasVariants }, policy),
    );
    this.unmodifiedHeaders = prepareHeaders(notModifiedHeaders(this.headers));
  }

  async #tag(): Promise<string> {
    const { etag, taggedSize } = this.#source.policy;
    if (etag === false || this.isGrowing) return NO_TAG;
    if (typeof etag === "function") return givenTag(etag(this.served), this.encoding);
    if (etag !== "stat" && this.size <= taggedSize) return contentTag(await this.#hash(), this.encoding);
    return this.#withFile(({ stats }) => (etag === "stat" ? statTag : versionTag)(stats, this.encoding));
  }

  /** A hash of the bytes; small files are loaded for it, which a request for them needs next. */
  async #hash(): Promise<string> {
    const { hashes, memory } = this.#source.policy;
    const known = hashes.get(this.#version);
    if (known !== undefined) return known;
    const text =
      this.size <= (memory?.fileSize ?? HASHED)
        ? hashOf(await this.load())
        : await this.#withFile((file) => hashOfFile(file, this.size, this.#mayGrow));
    hashes.set(this.#version, text);
    return text;
  }

  async #withFile<T>(use: (file: OpenFile) => T | Promise<T>): Promise<T> {
    const file = await this.open();
    try {
      return await use(file);
    } finally {
      void file.release();
    }
  }

  get #mayGrow(): boolean {
    return this.#source.policy.isAppendOnly(this.path);
  }

  /** Whether a response of these parts holds even if the file grows: its bytes are all there. */
  mayGrowDuring(parts: readonly unknown[]): boolean {
    return parts !== this.whole || this.#mayGrow;
  }

  /** The open file, to be released. Rejects with `TSGI_FILE_CHANGED` where its name stands for another version by now. */
  async open(): Promise<OpenFile> {
    this.isInUse = true;
    while (this.#file === undefined) {
      this.#opening ??= this.#open().finally(() => {
        this.#opening = undefined;
      });
      await this.#opening;
    }
    return this.#file.acquire();
  }

  /** Opens the file once for all callers. */
  async #open(): Promise<void> {
    const { root, openFiles } = this.#source;
    const opening = { isAppendOnly: this.#mayGrow, closeIdle: openFiles.closeIdle };
    const file = await openFile(this.#name, root, opening);
    if (!(file instanceof OpenFile)) throw changed();
    if (versionOf(file.stats) !== this.#version) {
      void file.release();
      throw changed();
    }
    this.#file = file;
    openFiles.add(this);
  }

  /** Reads the whole file into memory, once for all callers. */
  load(): Promise<Uint8Array> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<Uint8Array> {
    try {
      this.bytes = await this.#withFile(async (file) => {
        const bytes = await file.read(0, this.size);
        await file.check(this.#mayGrow);
        return bytes;
      });
      return this.bytes;
    } finally {
      void this.close();
    }
  }

  close(): undefined | Promise<void> {
    const file = this.#file;
    if (file === undefined) return undefined;
    this.#file = undefined;
    this.#source.openFiles.delete(this);
    return file.release();
  }
}
