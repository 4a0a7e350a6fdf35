/**
 * The elements that are open in a page, as far as tags tell: the rules of the HTML Standard (§13.2.6) for tags that are left out and
 * for foreign content, without those that move elements elsewhere in the tree.
 */

import {
  ANYWHERE,
  BUTTON_SCOPE,
  END_SCOPES,
  ENDS,
  ENDS_IN_RUBY,
  ENDS_INNERMOST,
  ENDS_PARAGRAPH,
  ENDS_THROUGH,
  HEADINGS,
  LEAVES_FOREIGN,
  MATHML_INTEGRATION,
  MODES,
  PARAGRAPH,
  SCOPE,
  SPECIAL,
  SVG_INTEGRATION,
  VOID,
} from "./element-rules.ts";
import type { StartTag, Tag } from "./tag.ts";
import type { Mode } from "./tag-reader.ts";

/** Browsers do not nest deeper than 512. */
const DEEPEST = 512;

type Namespace = "html" | "svg" | "mathml";

/** An element that is open. */
export interface Open<Note, Kind extends StartTag = Tag> {
  readonly tag: Kind;
  readonly namespace: Namespace;
  /** Whether elements of HTML are in it, though it is not one. */
  readonly isIntegration: boolean;
  readonly note: Note;
}

/** The elements that are open, each with a note on it. */
export class OpenElements<Note, Kind extends StartTag = Tag> {
  readonly #open: Open<Note, Kind>[] = [];
  readonly tags: Kind[] = [];
  readonly #onClose: (note: Note, isByTag: boolean) => void;
  /** How many are open that are not kept, as they are too deep. */
  #tooDeep = 0;

  /** `onClose` is told of each element that is over, and whether by an end tag of its own. */
  constructor(onClose: (note: Note, isByTag: boolean) => void) {
    this.#onClose = onClose;
  }

  /** Whether the innermost element is one of SVG or MathML. */
  get isForeign(): boolean {
    const last = this.#open.at(-1);
    return last !== undefined && last.namespace !== "html";
  }

  /** Whether an element of SVG or MathML is open. */
  get hasForeign(): boolean {
    return this.#open.some(({ namespace }) => namespace !== "html");
  }

  /** Whether an element of SVG or MathML is open that holds HTML. */
  get holdsHtml(): boolean {
    return this.#open.some((open) => open.isIntegration || isTextOfMath(open));
  }

  get isTooDeep(): boolean {
    return this.#tooDeep > 0 || this.#open.length >= DEEPEST;
  }

  /** Ends what a start tag ends without an end tag, and gives the namespace of the new element. */
  begin(tag: Kind): Namespace {
    const { name } = tag;
    let around = this.#open.at(-1);
    if (around !== undefined && isForeign(around) && !entersText(around, name)) {
      if (!leavesForeign(tag)) return around.namespace;
      around = this.#leaveForeign();
      if (around !== undefined && isForeign(around) && !entersText(around, name)) return around.namespace;
    }
    if (name === "svg") return "svg";
    if (name === "math") return "mathml";
    if (ENDS_PARAGRAPH.has(name)) this.#endWithin(PARAGRAPH, BUTTON_SCOPE);
    const ends = ENDS.get(name);
    if (ends !== undefined) this.#endWithin(ends.ended, ends.within);
    const inRuby = ENDS_IN_RUBY.get(name);
    const isInRuby = inRuby !== undefined && this.tags.some((each) => each.name === "ruby");
    const innermost = isInRuby ? inRuby : ENDS_INNERMOST.get(name);
    while (innermost?.has(this.tags.at(-1)?.name ?? "")) this.#close(this.#open.length - 1, false);
    return "html";
  }

  /** Opens the element, unless it has no content. Gives how its content is read; undefined where there is none. */
  open(tag: Kind, namespace: Namespace, note: Note): Mode | undefined {
    const { name } = tag;
    if (namespace === "html" ? VOID.has(name) : tag.isSelfClosing) return undefined;
    const mode = namespace === "html" ? (MODES.get(name) ?? "DATA") : "DATA";
    if (this.isTooDeep) {
      this.#tooDeep++;
      return mode;
    }
    const isIntegration =
      (namespace === "svg" && SVG_INTEGRATION.has(name)) ||
      (namespace === "mathml" &&
        name === "annotation-xml" &&
        /^(?:text\/html|application\/xhtml\+xml)$/i.test(tag.get("encoding") ?? ""));
    this.#open.push({ tag, namespace, isIntegration, note });
    this.tags.push(tag);
    return mode;
  }

  /** Ends the element of an end tag, and those in it. Tells whether there is one. */
  end(name: string): boolean {
    if (this.#tooDeep > 0) {
      this.#tooDeep--;
      return false;
    }
    if (name === "p" || name === "br") this.#leaveForeign();
    const found = this.#startOf(name);
    if (found >= 0) this.#closeFrom(found, true);
    return found >= 0;
  }

  /** Ends elements of SVG and MathML up to one with HTML in it, which is given. */
  #leaveForeign(): Open<Note, Kind> | undefined {
    let last = this.#open.at(-1);
    while (last !== undefined && isForeign(last) && !isTextOfMath(last)) {
      this.#close(this.#open.length - 1, false);
      last = this.#open.at(-1);
    }
    return last;
  }

  /** Where the element is that an end tag ends; -1 where there is none. */
  #startOf(name: string): number {
    let at = this.#open.length - 1;
    for (; at >= 0 && this.#open[at]?.namespace !== "html"; at--) if (this.#open[at]?.tag.name === name) return at;
    const scope = END_SCOPES.get(name) ?? (ENDS_THROUGH.has(name) ? SCOPE : SPECIAL);
    for (at = this.#open.length - 1; at >= 0; at--) {
      const open = this.#open[at] as Open<Note, Kind>;
      if (open.namespace !== "html") {
        if (scope !== ANYWHERE && (open.isIntegration || isTextOfMath(open))) return -1;
      } else if (open.tag.name === name || (HEADINGS.has(name) && HEADINGS.has(open.tag.name))) return at;
      else if (scope.has(open.tag.name)) return -1;
    }
    return -1;
  }

  endAll(): void {
    if (this.#open.length > 0) this.#closeFrom(0, false);
  }

  /** Ends the outermost of these elements, up to one that bounds the search. */
  #endWithin(ended: ReadonlySet<string>, within: ReadonlySet<string>): void {
    let found = -1;
    for (let at = this.#open.length - 1; at >= 0; at--) {
      const { tag, namespace } = this.#open[at] as Open<Note, Kind>;
      if (namespace !== "html") break;
      if (ended.has(tag.name)) found = at;
      if (within.has(tag.name)) break;
    }
    if (found >= 0) this.#closeFrom(found, false);
  }

  #closeFrom(outermost: number, isByTag: boolean): void {
    for (let at = this.#open.length - 1; at >= outermost; at--) this.#close(at, isByTag && at === outermost);
  }

  #close(at: number, isByTag: boolean): void {
    const { note } = this.#open[at] as Open<Note, Kind>;
    this.#open.length = at;
    this.tags.length = at;
    this.#onClose(note, isByTag);
  }
}

function isForeign({ namespace, isIntegration }: Open<unknown, StartTag>): boolean {
  return namespace !== "html" && !isIntegration;
}

function isTextOfMath({ namespace, tag }: Open<unknown, StartTag>): boolean {
  return namespace === "mathml" && (MATHML_INTEGRATION.has(tag.name) || tag.name === "annotation-xml");
}

/** Whether a start tag in an element of MathML that has text is one of HTML. */
function entersText({ namespace, tag }: Open<unknown, StartTag>, name: string): boolean {
  if (namespace !== "mathml") return false;
  if (tag.name === "annotation-xml") return name === "svg";
  return MATHML_INTEGRATION.has(tag.name) && name !== "mglyph" && name !== "malignmark";
}

function leavesForeign(tag: StartTag): boolean {
  if (LEAVES_FOREIGN.has(tag.name)) return true;
  return tag.name === "font" && ["color", "face", "size"].some((name) => tag.get(name) !== undefined);
}
