/** What a program writes: a head, then a body. */

import type { ChunkReader } from "../../body/reader.ts";
import { TsgiError } from "../../errors.ts";
import { badGateway, gatewayTimeout } from "./errors.ts";
import { type ProgramHead, parseProgramHead } from "./program-head.ts";
import type { ProgramRun } from "./program-run.ts";

/** The longest head that is read, in bytes. */
const MAX_HEAD = 65_536;

/** How long a program may go on whose response nobody wants any more, in milliseconds. */
const FAREWELL = 5_000;

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
  #finished = false;

  constructor(name: string, run: ProgramRun, timeout: number) {
    this.#name = name;
    this.#run = run;
    this.#timeout = timeout;
    this.#chunks = run.output[Symbol.asyncIterator]();
  }

  /** What the program reads. One that fails ends the program first, which must not take it for whole. */
  async *watched(input: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
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
      this.#head = this.#parse(text.slice(0, start));
      return this.#head;
    }
    this.#run.stop();
    throw badGateway(`its head is longer than ${MAX_HEAD} bytes`);
  }

  #parse(text: string): ProgramHead {
    try {
      return parseProgramHead(text);
    } catch (cause) {
      this.#run.stop();
      throw badGateway(`its head is malformed: ${(cause as Error).message}`, cause);
    }
  }

  async next(): Promise<Uint8Array | undefined> {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) return rest;
    const chunk = await this.#read();
    if (chunk === undefined && !this.#finished) await this.#judge();
    return chunk;
  }

  async #read(): Promise<Uint8Array | undefined> {
    const timer = setTimeout(() => this.#giveUp(), this.#timeout);
    this.#timer = timer;
    try {
      const step = await this.#chunks.next();
      if (!step.done) return step.value;
      this.#ended = true;
      return undefined;
    } catch (error) {
      this.#ended = true;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #giveUp(): void {
    this.#run.output.destroy(gatewayTimeout(`did nothing for ${this.#timeout} ms`));
    this.#run.stop();
  }

  /** A program that failed behind its head may not have said all; one whose status is an error has said so itself. */
  async #judge(): Promise<void> {
    const failure = await this.#run.failure();
    if (failure === undefined || /^[45]/.test(this.#head?.status ?? "")) return;
    throw new TsgiError("TSGI_BAD_GATEWAY", `${this.#name}: ${failure} behind its head`);
  }

  /** Whoever does not want the rest, as with a HEAD, lets the program come to its end, if it comes to one soon. */
  close(): undefined {
    if (this.#finished) return;
    this.#finished = true;
    if (!this.#ended) void this.#drain();
  }

  async #drain(): Promise<void> {
    const timer = setTimeout(() => this.#run.stop(), Math.min(this.#timeout, FAREWELL));
    try {
      while ((await this.next()) !== undefined);
    } catch {
      // Nobody is there to be told.
    } finally {
      clearTimeout(timer);
    }
  }
}
