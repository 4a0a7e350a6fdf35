/** One version of a file, as it is sent: its validators, its headers, and its bytes where they are in memory. */

import { TsgiError } from "../../src/errors.ts";
import type { HeaderList } from "../../src/gateway.ts";
import { checkHeaders, prepareHeaders } from "../../src/http/field-rules.ts";
import { addVary, removeHeaders } from "../../src/http/headers.ts";
import type { Validators } from "../../src/http/precondition.ts";
import type { ByteRange } from "../../src/http/range.ts";
import { changed, OpenFile, openFile } from "./open-file.ts";
import type { Policy } from "./options.ts";
import type { Root } from "./root.ts";
import type { Encoding } from "./variant.ts";
import { tagOf } from "./version.ts";

/** What a representation is of. */
export interface Source {
  /** The name of the file that is sent. */
  readonly name: string;
  readonly root: Root;
  /** The path below the export of the file that was asked for, whose variant this may be. */
  readonly path: string;
  readonly encoding: Encoding | undefined;
  /** Whether there are others to choose from. */
  readonly hasVariants: boolean;
}

/** Who closes the files that representations keep open. */
export interface Keeper {
  /** One that has a file open. */
  keep(representation: Representation): void;
  /** One that has none any more. */
  drop(representation: Representation): void;
}

export class Representation implements Validators {
  readonly size: number;
  readonly modified: number;
  readonly etag: string;
  readonly encoding: Encoding | undefined;
  /** The headers of a 200, ready. */
  readonly headers: HeaderList;
  /** The headers of a 304, ready. */
  readonly unmodifiedHeaders: HeaderList;
  /** All of it, as a part of a body. */
  readonly whole: readonly [ByteRange];
  bytes: Uint8Array | undefined;
  /** Whether the open file was used since somebody looked here last. */
  isInUse = true;
  readonly #source: Source;
  readonly #version: string;
  readonly #keeper: Keeper;
  #file: OpenFile | undefined;
  #opening: Promise<void> | undefined;
  #loading: Promise<Uint8Array> | undefined;

  /** Takes the open file over. */
  constructor(source: Source, file: OpenFile, policy: Policy, keeper: Keeper) {
    const { stats } = file;
    this.#source = source;
    this.#version = file.version;
    this.#file = file;
    this.#keeper = keeper;
    this.size = Number(stats.size);
    this.whole = [{ first: 0, last: this.size - 1 }];
    // RFC 9110 §8.8.2.1: never later than now, whatever the clock said that stamped the file.
    this.modified = Math.floor(Math.min(Number(stats.mtimeMs), Date.now()) / 1000);
    this.etag = tagOf(stats, source.encoding);
    this.encoding = source.encoding;
    this.headers = prepareHeaders(headersOf(this, source, policy));
    this.unmodifiedHeaders = prepareHeaders(removeHeaders(this.headers, ...ONLY_WITH_CONTENT));
    keeper.keep(this);
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
    return this.#file.use();
  }

  /** Opens the file once for all who ask. */
  async #open(): Promise<void> {
    const file = await openFile(this.#source.name, this.#source.root, () => {});
    if (!(file instanceof OpenFile)) throw changed();
    if (file.version !== this.#version) {
      void file.release();
      throw changed();
    }
    this.#file = file;
    this.#keeper.keep(this);
  }

  /** Reads the whole file into memory, once for all who ask. */
  load(): Promise<Uint8Array> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<Uint8Array> {
    const file = await this.open();
    try {
      this.bytes = await file.read(0, this.size, true);
      return this.bytes;
    } finally {
      void file.release();
      this.letGo();
    }
  }

  /** Closes the file, as far as it is kept open here. */
  letGo(): void {
    if (this.#file === undefined) return;
    void this.#file.release();
    this.#file = undefined;
    this.#keeper.drop(this);
  }
}

/** Fields that a 304 leaves out: they describe content that is not there (RFC 9110 §15.4.5). */
const ONLY_WITH_CONTENT = [
  "Content-Type",
  "Content-Length",
  "Content-Encoding",
  "Content-Language",
  "Content-Disposition",
  "Last-Modified",
  "Accept-Ranges",
  "X-Content-Type-Options",
];

function headersOf(facts: Representation, source: Source, policy: Policy): HeaderList {
  const { path, encoding, hasVariants } = source;
  const contentType = policy.typeOf(path);
  const isImmutable = policy.immutable?.test(path) ?? false;
  const own: [name: string, value: string][] = [
    ["Content-Type", contentType],
    ["Content-Length", String(facts.size)],
    ["Last-Modified", new Date(facts.modified * 1000).toUTCString()],
    ["ETag", facts.etag],
    ["Accept-Ranges", "bytes"],
    ["Cache-Control", isImmutable ? IMMUTABLE : policy.cacheControl],
    ["X-Content-Type-Options", "nosniff"],
  ];
  if (encoding !== undefined) own.push(["Content-Encoding", encoding]);
  let headers: HeaderList = own;
  if (policy.headers !== undefined) {
    const modified = new Date(facts.modified * 1000);
    const added = policy.headers(path, { size: facts.size, modified, contentType, encoding });
    checkHeaders(added);
    for (const [name] of added) if (OURS.test(name)) throw notYours(name);
    headers = [...removeHeaders(headers, ...added.map(([name]) => name)), ...added];
  }
  return hasVariants ? addVary(headers, "Accept-Encoding") : headers;
}

/** A year: RFC 9111 knows no "for ever". */
const IMMUTABLE = "max-age=31536000, immutable";

/** What says which bytes are sent. */
const OURS = /^(?:accept-ranges|content-(?:encoding|length|range)|etag|last-modified)$/i;

function notYours(name: string): TsgiError {
  return new TsgiError("TSGI_BAD_OPTION", `headers gives ${name}`, {
    hint: "Leave it out: validators, lengths and codings follow from the file.",
  });
}
