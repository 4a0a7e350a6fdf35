/** An element as a handler sees it. */

import { TsgiError } from "../../src/errors.ts";
import { isPromise, mayBeDropped } from "../../src/promise.ts";
import type { Page } from "./page.ts";
import type { Tag } from "./tag.ts";

/** What is put into a page. */
export interface ContentOptions {
  /** Whether it is markup, put in as it is. Default `false`: it is text, and escaped. */
  html?: boolean;
}

/**
 * `HtmlElement` is an element that a selector of `rewriteHtml` has matched, as its start tag has come; what is in it is still to come.
 * Its methods are those of Cloudflare's `HTMLRewriter`. They work while the handler runs, and throw `TSGI_BAD_CHANGE` after it.
 */
export interface HtmlElement {
  /** The name of the element, in lower case. */
  readonly tagName: string;
  /** Names, in lower case, and values of the attributes, in order. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
  /** The value of an attribute; undefined where the element does not have it. */
  getAttribute(name: string): string | undefined;
  /** Whether the element has an attribute. */
  hasAttribute(name: string): boolean;
  /** Sets an attribute; the value is escaped. */
  setAttribute(name: string, value: string): this;
  /** Removes an attribute. */
  removeAttribute(name: string): this;
  /** Puts content before the element, after what was put there earlier. */
  before(content: string, options?: ContentOptions): this;
  /** Puts content right after the element, before what was put there earlier. */
  after(content: string, options?: ContentOptions): this;
  /** Puts content at the beginning of the element. One that has no content, `<br>`, gets none. */
  prepend(content: string, options?: ContentOptions): this;
  /** Puts content at the end of the element. */
  append(content: string, options?: ContentOptions): this;
  /** Puts content in place of what is in the element. */
  setInnerContent(content: string, options?: ContentOptions): this;
  /** Puts content in place of the element and what is in it. */
  replace(content: string, options?: ContentOptions): this;
  /** Removes the element with what is in it. */
  remove(): this;
  /** Removes the tags of the element, and leaves what is in it. */
  removeAndKeepContent(): this;
}

/** Elements whose content is not markup, so that text in it cannot be escaped. */
export const RAW_TEXT: ReadonlySet<string> = new Set(
  "script style xmp iframe noembed noframes noscript plaintext".split(" "),
);

export class MatchedElement implements HtmlElement {
  readonly tagName: string;
  readonly #tag: Tag;
  readonly #page: Page;
  readonly #isHtml: boolean;
  /** The values that were set, undefined for what was removed; undefined where there is no change. */
  #changed: Map<string, string | undefined> | undefined;
  #before = "";
  #after = "";
  #start = "";
  #inner: string | undefined;
  #end = "";
  #hasTags = true;
  #isOver = false;

  constructor(tag: Tag, page: Page, isHtml: boolean) {
    this.tagName = tag.name;
    this.#tag = tag;
    this.#page = page;
    this.#isHtml = isHtml;
  }

  get attributes(): readonly (readonly [string, string])[] {
    const values = this.#tag.values;
    for (const [name, value] of this.#changed ?? []) {
      if (value === undefined) values.delete(name);
      else values.set(name, value);
    }
    return [...values];
  }

  getAttribute(name: string): string | undefined {
    const key = name.toLowerCase();
    return this.#changed?.has(key) ? this.#changed.get(key) : this.#tag.get(key);
  }

  hasAttribute(name: string): boolean {
    return this.getAttribute(name) !== undefined;
  }

  setAttribute(name: string, value: string): this {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they may not be in a name.
    if (typeof name !== "string" || !/^[^\s"'<>/=\0-\x1f\x7f]+$/.test(name)) {
      throw badChange(`${JSON.stringify(name)} is not the name of an attribute`, 'Give a name such as "href".');
    }
    return this.#change(name, checkText(value));
  }

  removeAttribute(name: string): this {
    return this.#change(name, undefined);
  }

  #change(name: string, value: string | undefined): this {
    this.#checkOpen();
    this.#changed ??= new Map();
    this.#changed.set(name.toLowerCase(), value);
    return this;
  }

  before(content: string, options?: ContentOptions): this {
    this.#before += this.#content(content, options);
    return this;
  }

  after(content: string, options?: ContentOptions): this {
    this.#after = this.#content(content, options) + this.#after;
    return this;
  }

  prepend(content: string, options?: ContentOptions): this {
    this.#start = this.#content(content, options, true) + this.#start;
    return this;
  }

  append(content: string, options?: ContentOptions): this {
    this.#end += this.#content(content, options, true);
    return this;
  }

  setInnerContent(content: string, options?: ContentOptions): this {
    this.#inner = this.#content(content, options, true);
    this.#start = "";
    this.#end = "";
    return this;
  }

  replace(content: string, options?: ContentOptions): this {
    this.#before += this.#content(content, options);
    return this.remove();
  }

  remove(): this {
    this.removeAndKeepContent();
    this.#inner = "";
    this.#start = "";
    this.#end = "";
    return this;
  }

  removeAndKeepContent(): this {
    this.#checkOpen();
    this.#hasTags = false;
    return this;
  }

  #content(content: string, options: ContentOptions | undefined, isInside = false): string {
    this.#checkOpen();
    const text = checkText(content);
    if (options?.html === true) return this.#page.markup(text);
    if (isInside && this.#isHtml && RAW_TEXT.has(this.tagName)) {
      throw badChange(
        `text cannot be escaped in <${this.tagName}>`,
        "Give { html: true }, and content that is safe there.",
      );
    }
    return this.#page.escaped(text);
  }

  #checkOpen(): void {
    if (this.#isOver) throw badChange("the element has been sent already", "Change it before the handler returns.");
  }

  /** Whether nothing is left of it. */
  get isRemoved(): boolean {
    return !this.#hasTags && this.#inner !== undefined;
  }

  /** What handlers have made of it; from here on it does not change. */
  finish(): Edits {
    this.#isOver = true;
    return {
      opening: this.#before + (this.#hasTags ? this.#startTag() : ""),
      start: this.#start + (this.#inner ?? ""),
      end: this.#end,
      after: this.#after,
      hasEndTag: this.#hasTags,
      isHidden: this.#inner !== undefined,
    };
  }

  #startTag(): string {
    const { raw, attributes, isSelfClosing } = this.#tag;
    const changed = this.#changed;
    if (changed === undefined) return raw;
    const name = /^<[^\s/>]*/.exec(raw)?.[0] ?? `<${this.tagName}`;
    const kept = attributes.map((each) => (changed.has(each.name) ? this.#written(each.name) : separated(each.raw)));
    const known = new Set(attributes.map((each) => each.name));
    const added = [...changed.keys()].filter((each) => !known.has(each)).map((each) => this.#written(each));
    return `${name}${kept.join("")}${added.join("")}${isSelfClosing ? " /" : ""}>`;
  }

  #written(name: string): string {
    const value = this.#changed?.get(name);
    return value === undefined ? "" : ` ${this.#page.markup(name)}="${this.#page.escaped(value)}"`;
  }
}

/** An attribute as it stood: a name that begins with "=" must not become the value of the attribute before. */
function separated(raw: string): string {
  return raw.startsWith("=") ? ` /${raw}` : ` ${raw}`;
}

/** What becomes of an element. */
export interface Edits {
  /** In place of the start tag. */
  readonly opening: string;
  /** Before the content. */
  readonly start: string;
  /** After the content. */
  readonly end: string;
  /** After the element. */
  readonly after: string;
  readonly hasEndTag: boolean;
  /** Whether the content is left out. */
  readonly isHidden: boolean;
}

function checkText(value: unknown): string {
  if (typeof value === "string") return value;
  if (isPromise(value)) mayBeDropped(value);
  throw badChange(`text is put into a page, not ${value === null ? "null" : typeof value}`, "Give a string.");
}

export function badChange(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_CHANGE", message, { hint });
}
