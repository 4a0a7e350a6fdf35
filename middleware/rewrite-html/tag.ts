/** Start tags. */

import type { TagToken } from "./package.ts";
import type { Page } from "./page.ts";

interface Attribute {
  readonly name: string;
  /** As it stands in the page: name, value and quotes. */
  readonly raw: string;
}

/** What is asked of a start tag to tell which elements are open after it. */
export interface StartTag {
  /** In lower case. */
  readonly name: string;
  readonly isSelfClosing: boolean;
  /** The value of an attribute, as text; undefined where there is none. `name` is in lower case. */
  get(name: string): string | undefined;
}

/** A start tag as it came, its text one character for each byte. */
export class Tag implements StartTag {
  readonly name: string;
  /** As it stands in the page. */
  readonly raw: string;
  readonly isSelfClosing: boolean;
  readonly #token: TagToken;
  readonly #page: Page;

  constructor(token: TagToken, raw: string, page: Page) {
    this.name = token.tagName;
    this.raw = raw;
    this.isSelfClosing = token.selfClosing;
    this.#token = token;
    this.#page = page;
  }

  get attributes(): readonly Attribute[] {
    return this.#token.attrs.map(({ name }) => ({ name, raw: this.#rawOf(name) }));
  }

  /** The values of all attributes, as text, by their names. */
  get values(): Map<string, string> {
    return new Map(this.#token.attrs.map(({ name, value }) => [name, this.#textOf(name, value)]));
  }

  get(name: string): string | undefined {
    for (const attribute of this.#token.attrs) {
      if (attribute.name === name) return this.#textOf(name, attribute.value);
    }
    return undefined;
  }

  #textOf(name: string, value: string): string {
    return this.#page.textOf(value, () => this.#rawOf(name));
  }

  #rawOf(name: string): string {
    const { location } = this.#token;
    const { startOffset = 0, endOffset = 0 } = location.attrs?.[name] ?? {};
    return this.raw.slice(startOffset - location.startOffset, endOffset - location.startOffset);
  }
}
