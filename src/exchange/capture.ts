/** The response of an app as a value, for a middleware that has to see it before it goes on. */

import { checkChunk } from "../body/chunk.ts";
import { BodyReader, type ChunkReader, closeBody, knownChunks } from "../body/reader.ts";
import { resume, toStream } from "../body/stream.ts";
import { TsgiError } from "../errors.ts";
import type { App, AppResponse, Body, Chunk, Environ, HeaderList, StatusLine, Write } from "../gateway.ts";
import { checkHeaders } from "../http/field-rules.ts";
import { parseStatus } from "../http/status.ts";
import { isPromise } from "../promise.ts";
import { notStarted, startedTwice } from "./responder.ts";

/**
 * Runs an app and gives its response as soon as the app has started one: at once where it answers at once, else a promise.
 * A late `startResponse` and the use of `write` are dealt with: all that is sent is in `body`, and finishing `body`
 * finishes what the app returned. From here on the response counts as sent: a `startResponse` with an error rethrows it.
 *
 * ```ts
 * const { status, headers, body } = await capture(app, environ);
 * ```
 *
 * Throws or rejects with what the app throws before it has started, and with `TSGI_NOT_STARTED` where it never does.
 */
export function capture(app: App, environ: Environ): AppResponse | Promise<AppResponse> {
  return new Capture().run(app, environ);
}

class Capture {
  #status: StatusLine | undefined;
  #headers: HeaderList = [];
  #handedOver = false;
  #written: WrittenChunks | undefined;
  #onWrite: (() => void) | undefined;
  #writer: Write | undefined;

  run(app: App, environ: Environ): AppResponse | Promise<AppResponse> {
    const result = app(environ, (status, headers, error) => this.#start(status, headers, error));
    if (!isPromise(result)) return this.#returned(result);
    return new Promise((resolve, reject) => {
      // An app that writes is under way as long as it writes: its response begins with its first chunk.
      this.#onWrite = () => resolve(this.#handOver(toStream(this.#written as WrittenChunks)));
      if (this.#written !== undefined) this.#onWrite();
      result.then(
        (body) => {
          if (this.#handedOver) (this.#written as WrittenChunks).endWith(body);
          else resolve(this.#returned(body));
        },
        (error) => {
          this.#written?.fail(error);
          reject(error);
        },
      );
    });
  }

  #start(status: StatusLine, headers: HeaderList, error: unknown): Write {
    if (this.#status !== undefined && error === undefined) throw startedTwice();
    if (this.#handedOver || this.#written !== undefined) throw error;
    parseStatus(status);
    checkHeaders(headers);
    this.#status = status;
    this.#headers = headers;
    this.#writer ??= (chunk) => this.#write(chunk);
    return this.#writer;
  }

  #write(chunk: Chunk): void | Promise<void> {
    checkChunk(chunk);
    if (chunk.length === 0 && this.#written === undefined) return;
    this.#written ??= new WrittenChunks();
    const taken = this.#written.push(chunk);
    this.#onWrite?.();
    return taken;
  }

  #returned(body: Body): AppResponse | Promise<AppResponse> {
    if (this.#written !== undefined) {
      this.#written.endWith(body);
      return this.#handOver(toStream(this.#written));
    }
    if (this.#status !== undefined) return this.#handOver(body);
    if (knownChunks(body) !== undefined) throw notStarted();
    const reader = new BodyReader(body);
    return reader.isAsync ? this.#pullLater(reader) : this.#pull(reader);
  }

  /** The first step of a generator is where it calls `startResponse`. */
  #pull(reader: BodyReader): AppResponse {
    try {
      for (;;) {
        const chunk = reader.next() as Chunk | undefined;
        const started = this.#begun(reader, chunk);
        if (started !== undefined) return started;
      }
    } catch (error) {
      void Promise.resolve(reader.close()).catch(() => {});
      throw error;
    }
  }

  async #pullLater(reader: BodyReader): Promise<AppResponse> {
    try {
      for (;;) {
        const chunk = await reader.next();
        const started = this.#begun(reader, chunk);
        if (started !== undefined) return started;
      }
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  #begun(reader: BodyReader, chunk: Chunk | undefined): AppResponse | undefined {
    if (this.#written !== undefined) {
      if (chunk !== undefined) void this.#written.push(chunk);
      this.#written.endWith(reader);
      return this.#handOver(toStream(this.#written));
    }
    if (this.#status !== undefined) return this.#handOver(resume(chunk, reader));
    if (chunk === undefined || chunk.length > 0) throw notStarted();
    return undefined;
  }

  #handOver(body: Body): AppResponse {
    this.#handedOver = true;
    return { status: this.#status as StatusLine, headers: this.#headers, body };
  }
}

/** What an app sends through `write`, followed by what it returns. `write` waits until its chunk has been taken. */
class WrittenChunks implements ChunkReader {
  readonly isAsync = true;
  readonly #queue: { chunk: Chunk; taken: () => void }[] = [];
  #rest: ChunkReader | undefined;
  #failure: { error: unknown } | undefined;
  #finished = false;
  #wake: (() => void) | undefined;

  push(chunk: Chunk): Promise<void> {
    if (this.#finished) throw new TsgiError("TSGI_CLIENT_GONE", "nobody reads the response any more");
    return new Promise((taken) => {
      this.#queue.push({ chunk, taken });
      this.#wake?.();
    });
  }

  endWith(body: Body | ChunkReader): void {
    if (this.#finished) {
      const finishing = body instanceof BodyReader ? body.close() : closeBody(body as Body);
      finishing?.catch(() => {});
      return;
    }
    this.#rest = body instanceof BodyReader ? body : new BodyReader(body as Body);
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake?.();
  }

  async next(): Promise<Chunk | undefined> {
    for (;;) {
      const entry = this.#queue.shift();
      if (entry !== undefined) {
        entry.taken();
        return entry.chunk;
      }
      if (this.#rest !== undefined) return this.#rest.next();
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#finished) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): Promise<unknown> | undefined {
    this.#finished = true;
    for (const entry of this.#queue.splice(0)) entry.taken();
    this.#wake?.();
    return this.#rest?.close();
  }
}
