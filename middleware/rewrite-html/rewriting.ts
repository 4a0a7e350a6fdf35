/** A page rewritten while its bytes come by. */

import type { BodyMap } from "../../src/body/stream.ts";
import { TsgiError } from "../../src/errors.ts";
import type { Chunk, Environ } from "../../src/gateway.ts";
import { isPromise, mayBeDropped } from "../../src/promise.ts";
import { badChange, type Edits, type HtmlElement, MatchedElement } from "./element.ts";
import { OpenElements } from "./open-elements.ts";
import type { Parse5, TagToken } from "./package.ts";
import { fromBinary, Page, toBinary } from "./page.ts";
import type { Selector } from "./selector.ts";
import { Tag } from "./tag.ts";
import { type Mode, type TagHandler, TagReader } from "./tag-reader.ts";

/** What is done with an element that a selector of `rewriteHtml` matches. What it returns is ignored; a promise is refused. */
export type HtmlHandler = (element: HtmlElement, environ: Environ) => void;

/** A handler, and what it is called for. */
export interface Rule {
  readonly matches: Selector;
  readonly handler: HtmlHandler;
}

/** What a rewriting is told of its page. */
export interface Rewritten {
  readonly environ: Environ;
  /** The charset that the headers name. */
  readonly charset: string | undefined;
  /** Told of what keeps the page from being rewritten to its end. */
  onError(error: unknown): void;
}

export class Rewriting implements BodyMap, TagHandler {
  readonly #rules: readonly Rule[];
  readonly #environ: Environ;
  readonly #onError: (error: unknown) => void;
  readonly #reader: TagReader;
  readonly #page: Page;
  readonly #open = new OpenElements<Edits | undefined>((edits, isByTag) => this.#onClose(edits, isByTag));
  #hasCharset: boolean;
  /** How many of the open elements have their content left out. */
  #hidden = 0;
  /** The end tag that is being read. */
  #endTag = "";
  #output = "";
  #isAtStart = true;
  #isUtf16 = false;
  #isReported = false;

  constructor(parse5: Parse5, rules: readonly Rule[], { environ, charset, onError }: Rewritten) {
    this.#rules = rules;
    this.#environ = environ;
    this.#onError = onError;
    this.#page = new Page(parse5, charset);
    this.#hasCharset = charset !== undefined;
    this.#reader = new TagReader(parse5, this);
  }

  chunk(chunk: Chunk): Chunk | undefined {
    if (chunk.length === 0 || this.#isUtf16) return chunk;
    const text = toBinary(chunk);
    if (this.#isAtStart) {
      this.#isAtStart = false;
      if (text.startsWith("\xfe") || text.startsWith("\xff")) {
        this.#isUtf16 = true;
        return chunk;
      }
    }
    this.#reader.read(text);
    if (this.#reader.isOff && !this.#isReported) this.#reportLong();
    return this.#take();
  }

  #reportLong(): void {
    this.#isReported = true;
    const error = new TsgiError(
      "TSGI_BAD_CHANGE",
      "a page has a tag or a comment of more than 1 MiB: what follows is not rewritten",
      { hint: "Keep large data out of attributes." },
    );
    // Where the end of what is left out cannot be found, the rest of the page would be left out too.
    if (this.#hidden > 0) throw error;
    this.#onError(error);
  }

  end(): Chunk | undefined {
    const rest = this.#reader.end();
    const isHidden = this.#hidden > 0;
    this.#open.endAll();
    if (!isHidden) this.#output += rest;
    return this.#take();
  }

  #take(): Chunk | undefined {
    const output = this.#output;
    this.#output = "";
    return output === "" ? undefined : fromBinary(output);
  }

  get isForeign(): boolean {
    return this.#open.isForeign;
  }

  onText(raw: string): void {
    if (this.#hidden === 0) this.#output += raw;
  }

  onStartTag(token: TagToken, raw: string): Mode {
    const tag = new Tag(token, raw, this.#page);
    const open = this.#open;
    if (open.isTooDeep) {
      this.onText(tag.raw);
      return open.open(tag, "html", undefined) ?? "DATA";
    }
    const namespace = open.begin(tag);
    if (!this.#hasCharset && tag.name === "meta") this.#useCharset(tag);
    const edits = this.#hidden > 0 ? undefined : this.#editsOf(tag, namespace === "html");
    this.onText(edits === undefined ? tag.raw : edits.opening);
    const mode = open.open(tag, namespace, edits);
    if (edits === undefined) return mode ?? "DATA";
    if (mode === undefined) {
      this.#output += edits.after;
      return "DATA";
    }
    this.#output += edits.start;
    if (edits.isHidden) this.#hidden++;
    return mode;
  }

  /** What the handlers make of an element; undefined where there is none for it. */
  #editsOf(tag: Tag, isHtml: boolean): Edits | undefined {
    let element: MatchedElement | undefined;
    for (const { matches, handler } of this.#rules) {
      if (!matches(tag, this.#open.tags)) continue;
      element ??= new MatchedElement(tag, this.#page, isHtml);
      const result: unknown = handler(element, this.#environ);
      if (isPromise(result)) {
        mayBeDropped(result);
        throw badChange(
          "a handler of rewriteHtml returned a promise",
          "Find out before the app is called, or use mapDocument.",
        );
      }
      if (element.isRemoved) break;
    }
    return element?.finish();
  }

  #onClose(edits: Edits | undefined, isByTag: boolean): void {
    const endTag = isByTag ? this.#endTag : "";
    if (edits === undefined) {
      this.onText(endTag);
      return;
    }
    if (edits.isHidden) this.#hidden--;
    this.#output += edits.end + (edits.hasEndTag ? endTag : "") + edits.after;
  }

  onEndTag(name: string, raw: string): void {
    this.#endTag = raw;
    if (!this.#open.end(name)) this.onText(raw);
  }

  /** HTML Standard §13.2.3.2: a page names its charset early, or not at all. */
  #useCharset(tag: Tag): void {
    const content = tag.get("http-equiv")?.toLowerCase() === "content-type" ? tag.get("content") : undefined;
    const label = tag.get("charset") ?? /charset\s*=\s*["']?([^\s;"']+)/i.exec(content ?? "")?.[1];
    if (label === undefined) return;
    this.#hasCharset = true;
    this.#page.useCharset(label);
  }
}
