/** Forms with files, part by part, as they come. */

import { clientGone, TsgiError } from "../errors.ts";
import type { Environ } from "../gateway.ts";
import { checkOptions, count, type Kinds } from "../options.ts";
import { callOut, mayBeDropped } from "../promise.ts";
import { FileBody } from "./multipart/file-body.ts";
import { type Busboy, type BusboyFile, loadBusboy } from "./multipart/package.ts";

/** How much a form may have. What goes beyond rejects with an error that becomes a 413. */
export interface MultipartOptions {
  /** The largest file, in bytes. Default 10 MiB. */
  fileSize?: number;
  /** The longest value of a field that is not a file, in bytes, which is held in memory. Default 64 KiB. */
  fieldSize?: number;
  /** How many files. Default 20. */
  files?: number;
  /** How many fields that are not files. Default 200. */
  fields?: number;
}

/** A part of a form: a file, or the value of a field. Its body is read once; what is not read of it is skipped. */
export interface FormPart {
  /** The name of the field. */
  readonly name: string;
  /**
   * The name of the file, without folders; `""` where the client gives none, as browsers do where no file was chosen; undefined for a
   * field. The client chooses it: never open a file by it.
   */
  readonly filename: string | undefined;
  /** The media type, as the client says. */
  readonly type: string;
  /** What it holds. The client is asked for more as it is read. */
  readonly body: AsyncIterable<Uint8Array>;
  /** All of it as text: for the values of fields. */
  text(): Promise<string>;
}

const KINDS: Kinds<MultipartOptions> = { fileSize: count(1), fieldSize: count(), files: count(), fields: count() };

/**
 * multipart returns the parts of a `multipart/form-data` body (RFC 7578) one after the other, each as a stream with back-pressure:
 *
 * ```ts
 * import { createWriteStream } from "node:fs";
 * import { rm } from "node:fs/promises";
 * import { pipeline } from "node:stream/promises";
 *
 * export const app: App = async (environ, startResponse) => {
 *   for await (const { filename, body } of multipart(environ, { fileSize: 1024 ** 3 })) {
 *     if (filename === undefined) continue;
 *     const path = `./uploads/${crypto.randomUUID()}`;
 *     const failed = (error: unknown) => rm(path, { force: true }).then(() => Promise.reject(error));
 *     await pipeline(body, createWriteStream(path)).catch(failed);
 *   }
 *   return text("kept")(environ, startResponse);
 * };
 * ```
 *
 * Nothing is written to disk, and no more than about 200 KiB is held in memory. It rejects, and so does the body that is being
 * read, with `TSGI_UNSUPPORTED_TYPE` (415) for another type, `TSGI_MALFORMED_BODY` (400) for a form that is malformed or cut short,
 * `TSGI_BODY_TOO_LARGE` (413) over a limit, `TSGI_CLIENT_GONE` where the client leaves: remove then what was written. A loop that
 * is left early reads no further. A part that does not say what it is, or says so after 50 lines, is skipped; it counts.
 *
 * It does not protect from what files hold: names, types and content are what the client says, so serve them from another origin, or as
 * downloads. It bounds a form, not how many of them come at once (`concurrencyLimit`), nor the disk.
 *
 * It needs Node and the package `@fastify/busboy`: `npm install @fastify/busboy@3`. Throws `TSGI_NO_PACKAGE`, `TSGI_BAD_OPTION`.
 */
export function multipart(environ: Environ, options: MultipartOptions = {}): AsyncIterableIterator<FormPart> {
  checkOptions("multipart", options, KINDS);
  const { CONTENT_TYPE: type = "" } = environ;
  if (!/^multipart\/form-data\s*;/i.test(type)) {
    throw new TsgiError("TSGI_UNSUPPORTED_TYPE", "the request body is not multipart/form-data", {
      status: "415 Unsupported Media Type",
    });
  }
  return new Parts(environ, type, options);
}

type Step = IteratorResult<FormPart, undefined>;

class Parts implements AsyncIterableIterator<FormPart> {
  readonly #input: AsyncIterator<Uint8Array>;
  readonly #parser: Busboy;
  readonly #queue: FormPart[] = [];
  readonly #open: Set<BusboyFile> = new Set();
  #current: FormPart | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;
  #isPumping = false;
  #wake: (() => void) | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(environ: Environ, type: string, options: MultipartOptions) {
    const { fileSize = 10 * 1024 * 1024, fieldSize = 64 * 1024, files = 20, fields = 200 } = options;
    const BusboyClass = loadBusboy();
    if (!hasBoundary(type)) throw malformed("it has no boundary of 1 to 70 characters", undefined);
    try {
      this.#parser = new BusboyClass({
        headers: { "content-type": type },
        limits: { fileSize, fieldSize, files, fields, parts: files + fields, fieldNameSize: 200, headerPairs: 50 },
      });
    } catch (cause) {
      throw malformed((cause as Error).message, cause);
    }
    this.#input = environ["tsgi.input"][Symbol.asyncIterator]();
    const tooMany = (what: string) => () => this.#fail(tooMuch(`has more ${what}`));
    this.#parser
      .on("file", (name, stream, filename, _encoding, mime) => {
        if (name === undefined) this.#fail(nameless());
        this.#file(name ?? "", stream, filename ?? "", mime);
      })
      .on("field", (name, value, isNameCut, isValueCut, _encoding, mime) => {
        if (name === undefined) this.#fail(nameless());
        else if (isNameCut || isValueCut) this.#fail(tooMuch("has a longer field"));
        else this.#add(fieldPart(name, value, mime));
      })
      .on("filesLimit", tooMany("files"))
      .on("fieldsLimit", tooMany("fields"))
      .on("partsLimit", tooMany("parts"))
      .on("error", (error) => this.#fail(malformed(error.message, error)))
      .on("finish", () => this.#end());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    const step = this.#last.then(() => this.#next());
    this.#last = mayBeDropped(step).then(
      () => undefined,
      () => undefined,
    );
    return step;
  }

  async #next(): Promise<Step> {
    // What nobody has read of the last part is in the way of the next one.
    const skipped = this.#current as FilePart | undefined;
    this.#current = undefined;
    skipped?.skip?.();
    this.#pump();
    while (this.#queue.length === 0 && !this.#isOver) {
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#current = this.#queue.shift();
    return this.#current === undefined ? { done: true, value: undefined } : { done: false, value: this.#current };
  }

  return(): Promise<Step> {
    this.#stop(clientGone());
    return Promise.resolve({ done: true, value: undefined });
  }

  #add(part: FormPart): void {
    this.#queue.push(part);
    this.#wake?.();
  }

  #file(name: string, stream: BusboyFile, filename: string, mime: string): void {
    this.#open.add(stream);
    stream.on("limit", () => this.#fail(tooMuch("has a larger file")));
    stream.on("close", () => this.#open.delete(stream));
    stream.on("end", () => this.#open.delete(stream));
    if (this.#isOver) stream.on("error", () => {}).destroy();
    else {
      this.#add(new FilePart(name, filename, mime, stream, (error) => this.#reasonOf(error)));
    }
  }

  /** What a file has failed with: what the form has, or what the parser says of one that is cut short. */
  #reasonOf(error: unknown): unknown {
    if (this.#failure === undefined && !(error instanceof TsgiError)) {
      this.#fail(malformed((error as Error).message, error));
    }
    return this.#failure?.error ?? error;
  }

  /** Feeds the parser for as long as it takes more. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    mayBeDropped(this.#feed()).catch((error) => this.#fail(error));
  }

  async #feed(): Promise<void> {
    while (!this.#isOver) {
      const step = await this.#input.next();
      if (this.#isOver) return;
      if (step.done) {
        this.#parser.end();
        return;
      }
      if (this.#parser.write(step.value)) continue;
      await new Promise<void>((resume) => this.#parser.once("drain", resume));
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#failure = { error };
    this.#stop(error);
  }

  #stop(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#queue.length = 0;
    for (const stream of this.#open) stream.destroy(error as Error);
    this.#parser.destroy();
    callOut(
      () => this.#input.return?.(),
      () => {},
    );
  }

  #end(): void {
    this.#isOver = true;
    this.#wake?.();
  }
}

class FilePart implements FormPart {
  readonly name: string;
  readonly filename: string;
  readonly type: string;
  readonly body: FileBody;
  readonly #stream: BusboyFile;

  constructor(name: string, filename: string, type: string, stream: BusboyFile, reasonOf: (error: unknown) => unknown) {
    this.name = name;
    this.filename = filename;
    this.type = type;
    this.body = new FileBody(stream, reasonOf);
    this.#stream = stream;
  }

  async text(): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of this.body) text += decoder.decode(chunk, { stream: true });
    return text + decoder.decode();
  }

  skip(): void {
    this.body.skip();
    this.#stream.resume();
  }
}

function fieldPart(name: string, value: string, type: string): FormPart {
  const body = async function* (): AsyncGenerator<Uint8Array> {
    if (value !== "") yield new TextEncoder().encode(value);
  };
  return { name, filename: undefined, type, body: body(), text: () => Promise.resolve(value) };
}

const BOUNDARY = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;"]*))/gi;

/** Whether it says once what parts end with, and that has the length of RFC 2046 §5.1.1. */
function hasBoundary(type: string): boolean {
  const [first, second] = type.matchAll(BOUNDARY);
  const { length } = first?.[1] ?? first?.[2] ?? "";
  return second === undefined && length >= 1 && length <= 70;
}

/** RFC 7578 §4.2: each part has one. */
function nameless(): TsgiError {
  return malformed("a part has no name", undefined);
}

function malformed(problem: string, cause: unknown): TsgiError {
  return new TsgiError("TSGI_MALFORMED_BODY", `the request body is not a form: ${problem}`, {
    status: "400 Bad Request",
    cause,
  });
}

function tooMuch(what: string): TsgiError {
  return new TsgiError("TSGI_BODY_TOO_LARGE", `the form ${what} than may be`, {
    hint: "Raise the limits of multipart where more is expected.",
    status: "413 Content Too Large",
  });
}
