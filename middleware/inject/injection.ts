/** Markup put into a page while its bytes come by. */

import { joinBytes, toBytes } from "../../src/body/chunk.ts";
import type { BodyMap } from "../../src/body/stream.ts";
import type { Chunk } from "../../src/gateway.ts";
import { TagFinder } from "./tag-finder.ts";

const NOTHING = new Uint8Array();

export class Injection implements BodyMap {
  /** What is put before the end tag of this name; without what is in already. */
  readonly #markup: Map<string, string>;
  readonly #finder: TagFinder;
  /** The end of what has come, which may be the beginning of a tag. */
  #held: Uint8Array = NOTHING;
  #found: { readonly at: number; readonly markup: string }[] = [];

  /** Whether what is left at the end of the page is put there. */
  readonly #atEnd: boolean;

  constructor(markup: ReadonlyMap<string, string>, atEnd = false) {
    this.#markup = new Map(markup);
    this.#atEnd = atEnd;
    this.#finder = new TagFinder((name, start) => {
      const text = this.#markup.get(name);
      if (text === undefined) return;
      this.#markup.delete(name);
      this.#found.push({ at: this.#held.length + start, markup: text });
    });
  }

  chunk(chunk: Chunk): Chunk | undefined {
    if (chunk.length === 0) return chunk;
    if (this.#markup.size === 0 && this.#held.length === 0) return chunk;
    const bytes = toBytes(chunk);
    this.#finder.read(bytes);
    const all = this.#held.length === 0 ? bytes : joinBytes([this.#held, bytes]);
    const end = this.#markup.size === 0 ? all.length : all.length - this.#finder.held;
    const parts: Uint8Array[] = [];
    let start = 0;
    for (const { at, markup } of this.#found) {
      parts.push(all.subarray(start, at), toBytes(markup));
      start = at;
    }
    this.#found = [];
    parts.push(all.subarray(start, end));
    // A copy: the memory of a chunk is its owner's.
    this.#held = all.slice(end);
    const whole = joinBytes(parts);
    return whole.length === 0 ? undefined : whole;
  }

  end(): Chunk | undefined {
    const left = this.#atEnd && this.#finder.isInText ? [...this.#markup.values()].join("") : "";
    if (left === "") return this.#held.length === 0 ? undefined : this.#held;
    return joinBytes([this.#held, toBytes(left)]);
  }
}
