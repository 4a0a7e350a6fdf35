/** The elements that are open from the outermost one of SVG or MathML on: which tags in it are of HTML. */

import { ENDS_THROUGH } from "../rewrite-html/element-rules.ts";
import { OpenElements } from "../rewrite-html/open-elements.ts";
import type { StartTag } from "../rewrite-html/tag.ts";

export class ForeignContent {
  readonly #open: OpenElements<string, StartTag>;

  /** `onClose` is told the name of each element of HTML that is over. */
  constructor(onClose: (name: string) => void) {
    this.#open = new OpenElements((name) => {
      if (name !== "") onClose(name);
    });
  }

  /** Opens an element, and tells whether it is one of HTML. */
  start(name: string, isSelfClosing: boolean): boolean {
    // Attributes, which decide for two elements that are seldom used, are not read.
    const tag: StartTag = { name, isSelfClosing, get: () => undefined };
    const namespace = this.#open.isTooDeep ? "html" : this.#open.begin(tag);
    const isHtml = namespace === "html";
    this.#open.open(tag, namespace, isHtml ? name : "");
    return isHtml;
  }

  /** Ends an element. Tells whether it is one around all of these, which are over then; `isInTemplate`: a template may be. */
  end(name: string, isInTemplate: boolean): boolean {
    if (this.#open.end(name)) return false;
    if (name === "template") return isInTemplate;
    // That the element was opened is not known; where it was not, browsers would ignore the tag.
    return ENDS_THROUGH.has(name) && !this.#open.holdsHtml;
  }

  /** Whether CDATA sections are read as such. */
  get hasCdata(): boolean {
    return this.#open.isForeign;
  }

  get isOver(): boolean {
    return !this.#open.hasForeign;
  }
}
