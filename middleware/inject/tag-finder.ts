/** Finds the end tags of a page as its bytes come by, as browsers would (HTML Standard §13.2.5), without decoding them. */

import { ForeignContent } from "./foreign-content.ts";

/** Elements whose content is text up to their end tag. */
const RAW = new Set(["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript"]);

/** The longest name that matters, `annotation-xml`. */
const LONGEST = 14;

const CDATA = "[CDATA[";

const LT = 0x3c;
const GT = 0x3e;
const SLASH = 0x2f;
const BANG = 0x21;
const QUESTION = 0x3f;
const DASH = 0x2d;
const EQUALS = 0x3d;
const DOUBLE = 0x22;
const SINGLE = 0x27;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

type State =
  | "text"
  | "tag open"
  | "end tag open"
  | "start name"
  | "end name"
  | "before attribute"
  | "attribute"
  | "after attribute"
  | "before value"
  | "value"
  | "double quoted"
  | "single quoted"
  | "markup"
  | "markup dash"
  | "comment"
  | "bogus comment"
  | "cdata open"
  | "cdata"
  | "raw"
  | "raw tag open"
  | "raw end name"
  | "script bang"
  | "script bang dash"
  | "escaped"
  | "escaped tag open"
  | "double escape"
  | "plain text";

/** Reads a page byte by byte. `held` bytes at the end of what it was given may be the beginning of an end tag that is looked for. */
export class TagFinder {
  readonly #onEndTag: (name: string, start: number) => void;
  #state: State = "text";
  #name = "";
  /** The element whose end tag ends text. */
  #raw = "";
  #isStart = false;
  #isSelfClosing = false;
  /** Undefined where all elements are of HTML. */
  #foreign: ForeignContent | undefined;
  #templates = 0;
  /** Dashes or brackets in a row, and whether `!` came after two dashes. */
  #row = 0;
  #hasBang = false;
  /** In a script: whether a comment in it is open, and whether another script is open in that, so that its end tag is not the end. */
  #isEscaped = false;
  #isDouble = false;
  /** How many bytes ago the tag began that is being read. */
  #since = 0;

  /** `onEndTag` is told of end tags outside templates: the name, and where in the chunk they begin, negative in one before. */
  constructor(onEndTag: (name: string, start: number) => void) {
    this.#onEndTag = onEndTag;
  }

  /** Whether markup that comes next is read as such. */
  get isInText(): boolean {
    return this.#state === "text" && this.#templates === 0;
  }

  /** How many of the last bytes must be held back. */
  get held(): number {
    const isOpen = this.#state === "tag open" || this.#state === "end tag open" || this.#state === "end name";
    return isOpen && this.#name.length < LONGEST ? this.#since : 0;
  }

  read(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) {
      if (this.#state === "text" || this.#state === "raw") {
        at = bytes.indexOf(LT, at);
        if (at < 0) return;
      } else if (this.#state === "plain text") return;
      this.#since++;
      this.#step(bytes[at] as number, at);
    }
  }

  #step(byte: number, at: number): void {
    switch (this.#state) {
      case "text":
        this.#state = "tag open";
        this.#since = 1;
        this.#name = "";
        return;
      case "tag open":
        if (byte === SLASH) this.#state = "end tag open";
        else if (byte === BANG) this.#state = "markup";
        else if (byte === QUESTION) this.#state = "bogus comment";
        else if (isLetter(byte)) this.#begin("start name", byte);
        else this.#again("text", byte, at);
        return;
      case "end tag open":
        if (isLetter(byte)) this.#begin("end name", byte);
        else this.#state = byte === GT ? "text" : "bogus comment";
        return;
      case "start name":
      case "end name":
        if (!isSpace(byte) && byte !== SLASH && byte !== GT) {
          if (this.#name.length < LONGEST + 1) this.#name += String.fromCharCode(byte).toLowerCase();
          return;
        }
        this.#isStart = this.#state === "start name";
        this.#isSelfClosing = false;
        if (!this.#isStart && this.#templates === 0) this.#onEndTag(this.#name, at + 1 - this.#since);
        this.#state = "before attribute";
        this.#attribute(byte);
        return;
      case "before attribute":
      case "attribute":
      case "after attribute":
      case "before value":
      case "value":
        this.#attribute(byte);
        return;
      case "double quoted":
        if (byte === DOUBLE) this.#state = "before attribute";
        return;
      case "single quoted":
        if (byte === SINGLE) this.#state = "before attribute";
        return;
      case "markup":
        this.#row = 0;
        if (byte === DASH) this.#state = "markup dash";
        else if (byte === OPEN_BRACKET && this.#foreign?.hasCdata) {
          this.#state = "cdata open";
          this.#row = 1;
        } else this.#again("bogus comment", byte, at);
        return;
      case "markup dash":
        if (byte !== DASH) {
          this.#again("bogus comment", byte, at);
          return;
        }
        this.#state = "comment";
        // "<!-->" is a whole comment.
        this.#row = 2;
        this.#hasBang = false;
        return;
      case "comment":
        this.#comment(byte);
        return;
      case "bogus comment":
        if (byte === GT) this.#state = "text";
        return;
      case "cdata open":
        if (byte !== CDATA.charCodeAt(this.#row)) this.#again("bogus comment", byte, at);
        else if (++this.#row === CDATA.length) {
          this.#state = "cdata";
          this.#row = 0;
        }
        return;
      case "cdata":
        if (byte === GT && this.#row >= 2) this.#state = "text";
        this.#row = byte === CLOSE_BRACKET ? this.#row + 1 : 0;
        return;
      case "raw":
        this.#state = "raw tag open";
        return;
      case "raw tag open":
        this.#name = "";
        if (byte === SLASH) this.#state = "raw end name";
        else if (byte === BANG && this.#raw === "script") this.#state = "script bang";
        else this.#again("raw", byte, at);
        return;
      case "script bang":
        if (byte === DASH) this.#state = "script bang dash";
        else this.#again("raw", byte, at);
        return;
      case "script bang dash":
        this.#row = 2;
        this.#isEscaped = byte === DASH;
        if (byte === DASH) this.#state = "escaped";
        else this.#again("raw", byte, at);
        return;
      case "escaped":
        this.#escaped(byte);
        return;
      case "escaped tag open":
        this.#name = "";
        if (byte === SLASH) this.#state = this.#isDouble ? "double escape" : "raw end name";
        else if (isLetter(byte) && !this.#isDouble) this.#begin("double escape", byte);
        else this.#again("escaped", byte, at);
        return;
      case "double escape":
        if (isLetter(byte)) {
          if (this.#name.length < LONGEST) this.#name += String.fromCharCode(byte).toLowerCase();
        } else if (isSpace(byte) || byte === SLASH || byte === GT) {
          this.#state = "escaped";
          if (this.#name === "script") this.#isDouble = !this.#isDouble;
        } else this.#again("escaped", byte, at);
        return;
      case "raw end name":
        this.#rawEnd(byte, at);
        return;
    }
  }

  #begin(state: State, byte: number): void {
    this.#state = state;
    this.#name = String.fromCharCode(byte).toLowerCase();
  }

  /** Reads a byte in another state, where it may begin something by itself. */
  #again(state: State, byte: number, at: number): void {
    this.#state = state;
    const waitsForTag = state === "text" || state === "raw";
    if (!waitsForTag || byte === LT) this.#step(byte, at);
  }

  #attribute(byte: number): void {
    const state = this.#state;
    if (byte === GT) {
      this.#endTag();
      return;
    }
    this.#isSelfClosing = byte === SLASH && state !== "value" && state !== "before value";
    if (state === "before value") {
      if (byte === DOUBLE) this.#state = "double quoted";
      else if (byte === SINGLE) this.#state = "single quoted";
      else if (!isSpace(byte)) this.#state = "value";
    } else if (state === "value") {
      if (isSpace(byte)) this.#state = "before attribute";
    } else if (isSpace(byte)) this.#state = state === "before attribute" ? state : "after attribute";
    else if (byte === SLASH) this.#state = "before attribute";
    // "=" where a name should be is the beginning of one.
    else if (byte === EQUALS && state !== "before attribute") this.#state = "before value";
    else this.#state = "attribute";
  }

  #endTag(): void {
    this.#state = "text";
    const name = this.#name;
    if (this.#isStart) {
      if (name === "svg" || name === "math") this.#foreign ??= new ForeignContent((closed) => this.#ended(closed));
      if (this.#foreign?.start(name, this.#isSelfClosing) ?? true) this.#startOfHtml(name);
    } else if (this.#foreign === undefined) this.#ended(name);
    else if (this.#foreign.end(name, this.#templates > 0)) {
      this.#foreign = undefined;
      this.#ended(name);
    }
    if (this.#foreign?.isOver) this.#foreign = undefined;
  }

  #ended(name: string): void {
    if (name === "template" && this.#templates > 0) this.#templates--;
  }

  #startOfHtml(name: string): void {
    if (name === "template") this.#templates++;
    else if (name === "plaintext") this.#state = "plain text";
    else if (RAW.has(name)) {
      this.#raw = name;
      this.#state = "raw";
    }
  }

  #comment(byte: number): void {
    if (byte === GT && this.#row >= 2) this.#state = "text";
    else if (byte === BANG && this.#row >= 2 && !this.#hasBang) this.#hasBang = true;
    else {
      this.#row = byte === DASH ? (this.#hasBang ? 1 : this.#row + 1) : 0;
      this.#hasBang = false;
    }
  }

  /** In a comment of a script. */
  #escaped(byte: number): void {
    if (byte === GT && this.#row >= 2) {
      this.#isEscaped = false;
      this.#isDouble = false;
      this.#state = "raw";
    } else if (byte === LT) this.#state = "escaped tag open";
    this.#row = byte === DASH ? this.#row + 1 : 0;
  }

  #rawEnd(byte: number, at: number): void {
    const raw: State = this.#isEscaped ? "escaped" : "raw";
    if (this.#name.length < this.#raw.length) {
      const letter = String.fromCharCode(byte).toLowerCase();
      if (letter === this.#raw[this.#name.length]) this.#name += letter;
      else this.#again(raw, byte, at);
    } else if (isSpace(byte) || byte === SLASH || byte === GT) {
      this.#isEscaped = false;
      this.#isStart = false;
      this.#state = "before attribute";
      this.#attribute(byte);
    } else this.#again(raw, byte, at);
  }
}

function isLetter(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d && byte !== 0x0b);
}
