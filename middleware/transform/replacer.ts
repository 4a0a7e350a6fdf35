/** Matches in a text that comes in pieces, replaced. */

import { TsgiError } from "../../src/errors.ts";

export class Replacer {
  readonly #pattern: RegExp;
  /** Undefined for a pattern. */
  readonly #needle: string | undefined;
  readonly #longest: number;
  readonly #replacement: (match: RegExpExecArray) => string;
  /** What a pattern may look back at, and what was not decided upon yet. */
  #text = "";
  /** Where the latter begins. */
  #start = 0;

  constructor(find: string | RegExp, replacement: (match: RegExpExecArray) => string, longest: number) {
    this.#needle = typeof find === "string" ? find : undefined;
    this.#pattern =
      typeof find === "string"
        ? new RegExp(find.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "g")
        : new RegExp(find.source, `${find.flags.replace(/[gy]/g, "")}g`);
    this.#longest = typeof find === "string" ? find.length : longest;
    this.#replacement = replacement;
  }

  /** What can be said of the text so far. */
  next(text: string): string {
    this.#text += text;
    const { length } = this.#text;
    return this.#replace(this.#needle === undefined ? this.#whole(length - this.#longest) : length, false);
  }

  end(): string {
    return this.#replace(this.#text.length, true);
  }

  /** Replaces the matches that begin before `limit`. */
  #replace(limit: number, isEnd: boolean): string {
    const text = this.#text;
    const pattern = this.#pattern;
    let output = "";
    let done = this.#start;
    pattern.lastIndex = done;
    while (pattern.lastIndex < limit || isEnd) {
      const match = pattern.exec(text);
      if (match === null || (match.index >= limit && !isEnd)) break;
      const [found] = match;
      if (found.length > this.#longest) throw tooLong(found, this.#longest);
      if (found === "") pattern.lastIndex++;
      else {
        output += text.slice(done, match.index) + this.#given(match);
        done = match.index + found.length;
      }
    }
    const end = isEnd
      ? text.length
      : Math.max(done, this.#needle === undefined ? limit : this.#beginning(this.#needle, done));
    output += text.slice(done, end);
    const context = this.#needle === undefined ? this.#whole(Math.max(0, end - this.#longest)) : end;
    this.#text = text.slice(context);
    this.#start = end - context;
    return output;
  }

  /** A place in the text, or the one before where that is amid a character of two halves, which mean nothing alone. */
  #whole(at: number): number {
    const isAmid =
      (this.#text.charCodeAt(at - 1) & 0xfc00) === 0xd800 && (this.#text.charCodeAt(at) & 0xfc00) === 0xdc00;
    return isAmid ? at - 1 : at;
  }

  /** Where the text ends in the beginning of the needle. */
  #beginning(needle: string, from: number): number {
    const text = this.#text;
    for (let at = Math.max(from, text.length - needle.length + 1); at < text.length; at++) {
      if (needle.startsWith(text.slice(at))) return at;
    }
    return text.length;
  }

  #given(match: RegExpExecArray): string {
    const given: unknown = this.#replacement(match);
    if (typeof given === "string") return given;
    throw new TsgiError("TSGI_BAD_CHANGE", `the replacement of replaceText gave ${typeof given}`, {
      hint: "Return a string.",
    });
  }
}

function tooLong(found: string, longest: number): TsgiError {
  return new TsgiError(
    "TSGI_BAD_CHANGE",
    `a match of replaceText has ${found.length} characters, and longest is ${longest}`,
    {
      hint: "Bound the pattern, or raise longest.",
    },
  );
}
