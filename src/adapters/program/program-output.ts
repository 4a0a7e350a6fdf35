/** The output of a program: a head, then a body. */

import type { ChunkReader } from "../../body/reader.ts";
import { TsgiError } from "../../errors.ts";
import { badGateway, gatewayTimeout } from "./errors.ts";
import { type ProgramHead, parseProgramHead } from "./program-head.ts";
import type { ProgramRun } from "./program-run.ts";

/** The longest head that is read, in bytes. */
const MAX_HEAD = 65_536;

/** How long a program may go on after its response is no longer wanted, in milliseconds. */
const DRAIN_TIMEOUT = 5_000;

/** Reads the output of one run: first `head()`, then the body by `next()`. Ends a run that makes no progress. */
export class ProgramOutput implements ChunkReader {
  readonly isAsync = true;
  readonly #name: string;
  readonly #run: ProgramRun;
  readonly #timeout: number;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #timer: NodeJS.Timeout | undefined;
  #rest: Uint8Array | undefined;
  #head: ProgramHead | undefined;
  #ended = false;
  #closed = false;

  /** `timeout` is how long the program may make no progress, in milliseconds. */
  constructor(name: string, run: ProgramRun, timeout: number) {
    this.#name = name;
    this.#run = run;
    this.#timeout = timeout;
    this.#chunks = run.output[Symbol.asyncIterator]();
  }

  /**
   * The request body as the program is to read it. Each chunk counts as progress. A body that fails ends the program first,
   * so that the program cannot take what it got for the whole body.
   */
  async *watch(input: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    try {
      for await (const chunk of input) {
        this.#timer?.refresh();
        yield chunk;
      }
    } catch (error) {
      this.#run.output.destroy(error as Error);
      this.#run.stop();
      throw error;
    }
  }

  /** Reads status and headers. Rejects with a 502 if the output does not start with a valid head, with a 504 if it stalls. */
  async head(): Promise<ProgramHead> {
    let text = "";
    while (text.length <= MAX_HEAD) {
      const chunk = await this.#read();
      if (chunk === undefined) {
        throw badGateway(`${(await this.#run.failure()) ?? "ended"} before its head was complete`);
      }
      // An empty line may have begun in the chunk before.
      const from = Math.max(0, text.length - 3);
      text += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
      const end = /\r?\n\r?\n/.exec(text.slice(from));
      if (end === null) continue;
      const start = from + end.index;
      const rest = chunk.subarray(chunk.length - (text.length - start - end[0].length));
      if (rest.length > 0) this.#rest = rest;
      this.#head = parseHead(text.slice(0, start));
      return this.#head;
    }
    throw badGateway(`its head is longer than ${MAX_HEAD} bytes`);
  }

  async next(): Promise<Uint8Array | undefined> {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) return rest;
    const chunk = await this.#read();
    if (chunk === undefined && !this.#closed) await this.#checkExit();
    return chunk;
  }

  async #read(): Promise<Uint8Array | undefined> {
    const timer = setTimeout(() => this.#giveUp(), this.#timeout);
    this.#timer = timer;
    try {
      const step = await this.#chunks.next();
      if (!step.done) return step.value;
      this.#end();
      return undefined;
    } catch (error) {
      this.#end();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #giveUp(): void {
    this.#run.output.destroy(gatewayTimeout(`made no progress for ${this.#timeout} ms`));
    this.#run.stop();
  }

  /** A program may go on after it has closed its output, but not for ever: it still counts as running. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const timer = setTimeout(() => this.#run.stop(), this.#timeout);
    void this.#run.over.then(() => clearTimeout(timer));
  }

  /** If a program fails after its head, the body may be incomplete, unless its own status already reports an error. */
  async #checkExit(): Promise<void> {
    const failure = await this.#run.failure();
    if (failure === undefined || /^[45]/.test(this.#head?.status ?? "")) return;
    throw new TsgiError("TSGI_BAD_GATEWAY", `${this.#name}: ${failure} after its head`);
  }

  /** Lets a program whose body is not wanted, as for HEAD, finish its work, and ends it if that takes too long. */
  close(): undefined {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#ended) void this.#drain();
  }

  async #drain(): Promise<void> {
    const timer = setTimeout(() => this.#run.stop(), Math.min(this.#timeout, DRAIN_TIMEOUT));
    try {
      while ((await this.next()) !== undefined);
    } catch {
      // The response is over: the failure concerns no one.
    } finally {
      clearTimeout(timer);
    }
  }
}

function parseHead(text: string): ProgramHead {
  try {
    return parseProgramHead(text);
  } catch (cause) {
    throw badGateway(`its head is malformed: ${(cause as Error).message}`, cause);
  }
}
