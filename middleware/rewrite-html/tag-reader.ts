/** Finds the tags of a page as its text comes by. */

import { type Location, type Parse5, SILENT, type TagToken, type Tokenizer } from "./package.ts";

/** What is told of a page, in its order; together it is all of the page. */
export interface TagHandler {
  /** What is not a tag. */
  onText(raw: string): void;
  /** Gives the mode in which the content is read. */
  onStartTag(token: TagToken, raw: string): Mode;
  onEndTag(name: string, raw: string): void;
  /** Whether the innermost element is one of SVG or MathML. */
  readonly isForeign: boolean;
}

/** What the content of an element is: markup, or text up to its end tag, in which references count (`RCDATA`) or do not. */
export type Mode = "DATA" | "RCDATA" | "RAWTEXT" | "SCRIPT_DATA" | "PLAINTEXT";

/** How long a tag or a comment may be. */
const LONGEST = 1024 * 1024;

/** How much the tokenizer may copy for each character of a page before it is given longer pieces. */
const COPIES = 64;

/**
 * Gives the tokenizer nothing but tags, comments and what else begins with `<`: text between them changes nothing, is most of a page,
 * and is passed on at once.
 */
export class TagReader {
  readonly #handler: TagHandler;
  readonly #tokenizer: Tokenizer;
  readonly #modes: Parse5["TokenizerMode"];
  /** What the tokenizer was given since it was last between two tokens. */
  #pending = "";
  /** What has come after it, where that is little. */
  #waiting = "";
  /** How much of what is pending was passed on. */
  #passed = 0;
  /** How much the tokenizer was given before it. */
  #base = 0;
  #read = 0;
  #copied = 0;
  #isOff = false;
  #mode: Mode = "DATA";

  constructor({ Tokenizer, TokenizerMode }: Parse5, handler: TagHandler) {
    this.#handler = handler;
    this.#modes = TokenizerMode;
    this.#tokenizer = new Tokenizer(
      { sourceCodeLocationInfo: true },
      {
        ...SILENT,
        onStartTag: (token) => this.#onStartTag(token),
        onEndTag: (token) => this.#onEndTag(token),
        onComment: ({ location }) => this.#check(location),
      },
    );
    this.#tokenizer.preprocessor.bufferWaterline = 1024;
  }

  /** Whether a tag was so long that the rest of the page is passed on as it is. */
  get isOff(): boolean {
    return this.#isOff;
  }

  read(text: string): void {
    this.#read += text.length;
    for (let at = 0; at < text.length; ) {
      if (this.#pending === "") {
        const start = this.#nextToken(text, at);
        if (start > at) this.#handler.onText(text.slice(at, start));
        if (start === text.length) return;
        at = start;
      }
      // A tokenizer copies what it holds with each piece: a tag full of ">" would take quadratic time.
      const isPatient = this.#copied < 65_536 + COPIES * this.#read;
      const end = isPatient ? text.indexOf(">", at) + 1 : 0;
      const piece = text.slice(at, end > 0 ? end : text.length);
      at += piece.length;
      this.#waiting += piece;
      // The same for a long tag or comment that comes in small chunks: it is given in pieces that grow with it.
      if (isPatient || this.#waiting.length * COPIES >= this.#pending.length) this.#give();
    }
  }

  /** Where the next token begins. */
  #nextToken(text: string, at: number): number {
    const start = this.#isOff || this.#tokenizer.state === this.#modes.PLAINTEXT ? -1 : text.indexOf("<", at);
    return start < 0 ? text.length : start;
  }

  /** Gives what waits. */
  #give(): void {
    const piece = this.#waiting;
    this.#waiting = "";
    this.#pending += piece;
    this.#tokenizer.write(piece, false);
    this.#copied += this.#tokenizer.preprocessor.html.length;
    const { state } = this.#tokenizer;
    const { DATA, RCDATA, RAWTEXT, SCRIPT_DATA, PLAINTEXT } = this.#modes;
    const isBetween =
      state === DATA || state === RCDATA || state === RAWTEXT || state === SCRIPT_DATA || state === PLAINTEXT;
    if (!isBetween && this.#pending.length - this.#passed <= LONGEST) return;
    this.#isOff ||= !isBetween;
    this.#passOn(this.#pending.length);
    this.#base += this.#pending.length;
    this.#pending = "";
    this.#passed = 0;
  }

  /** Passes on what stands before a place. */
  #passOn(end: number): void {
    if (end > this.#passed) this.#handler.onText(this.#pending.slice(this.#passed, end));
    this.#passed = end;
  }

  #onStartTag(token: TagToken): void {
    const raw = this.#rawOf(token);
    if (this.#isOff) {
      this.#handler.onText(raw);
      return;
    }
    const mode = this.#handler.onStartTag(token, raw);
    this.#mode = mode;
    if (mode !== "DATA") this.#tokenizer.state = this.#modes[mode];
    this.#tokenizer.inForeignNode = this.#handler.isForeign;
  }

  /** Passes on what stands before a tag, and gives the tag. */
  #rawOf({ location }: TagToken): string {
    this.#check(location);
    const start = location.startOffset - this.#base;
    this.#passOn(start);
    this.#passed = location.endOffset - this.#base;
    return this.#pending.slice(start, this.#passed);
  }

  #onEndTag(token: TagToken): void {
    const raw = this.#rawOf(token);
    if (this.#isOff) {
      this.#handler.onText(raw);
      return;
    }
    this.#mode = "DATA";
    this.#handler.onEndTag(token.tagName, raw);
    this.#tokenizer.inForeignNode = this.#handler.isForeign;
  }

  /** Where a page is cut decides nothing: a long tag counts as one also where it comes in one piece. */
  #check({ startOffset, endOffset }: Location): void {
    if (endOffset - startOffset > LONGEST) this.#isOff = true;
  }

  /** The page is over. Gives what came of a tag that has no end; in an element that holds text alone, all that came is text. */
  end(): string {
    if (this.#waiting !== "") this.#give();
    if (this.#mode !== "DATA") this.#passOn(this.#pending.length);
    return this.#pending.slice(this.#passed);
  }
}
