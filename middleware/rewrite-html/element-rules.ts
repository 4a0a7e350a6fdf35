/** Which elements have no content or text alone, and which tags end others that were left open (HTML Standard §13.2.6). */

import type { Mode } from "./tag-reader.ts";

const setOf = (names: string): ReadonlySet<string> => new Set(names.split(/\s+/));

/** Elements without content. */
export const VOID: ReadonlySet<string> = setOf(
  "area base basefont bgsound br col embed frame hr image img input keygen link meta param source track wbr",
);

export const MODES: ReadonlyMap<string, Mode> = new Map([
  ["textarea", "RCDATA"],
  ["title", "RCDATA"],
  ["script", "SCRIPT_DATA"],
  ["style", "RAWTEXT"],
  ["iframe", "RAWTEXT"],
  ["xmp", "RAWTEXT"],
  ["noembed", "RAWTEXT"],
  ["noframes", "RAWTEXT"],
  // As browsers with scripts have it.
  ["noscript", "RAWTEXT"],
  ["plaintext", "PLAINTEXT"],
]);

/** What an end tag does not reach beyond. */
export const SCOPE: ReadonlySet<string> = setOf("applet caption html marquee object table td template th");
const TABLE_SCOPE = setOf("html table template");
export const BUTTON_SCOPE: ReadonlySet<string> = new Set([...SCOPE, "button"]);
const LIST_SCOPE = new Set([...SCOPE, "ol", "ul"]);
/** What begins something of its own, so that an item around it is not over (the special elements without address, div and p). */
const ITEM_SCOPE =
  setOf(`applet article aside blockquote body button caption center colgroup dd details dir dl dt fieldset figcaption figure
  footer form frameset h1 h2 h3 h4 h5 h6 header hgroup html iframe li listing main marquee menu nav object ol pre search section select
  summary table tbody td template tfoot th thead tr ul`);

/** What an end tag of an element that HTML does not know, or has no rule for, does not reach beyond. */
export const SPECIAL: ReadonlySet<string> = new Set([...ITEM_SCOPE, "address", "div", "p"]);

/** End tags that end what is open in their elements, whatever it is: those of blocks, and of what formats text. */
export const ENDS_THROUGH =
  setOf(`a address applet article aside b big blockquote button center code dd details dialog dir div dl dt em fieldset
  figcaption figure font footer form h1 h2 h3 h4 h5 h6 header hgroup i listing main marquee menu nav nobr object ol pre s search section
  select small strike strong summary tt u ul`);

/** No bounds. */
export const ANYWHERE: ReadonlySet<string> = new Set();

export const HEADINGS: ReadonlySet<string> = setOf("h1 h2 h3 h4 h5 h6");

/** Start tags that end an open paragraph. */
export const ENDS_PARAGRAPH =
  setOf(`address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form
  h1 h2 h3 h4 h5 h6 header hgroup hr li listing main menu nav ol p plaintext pre search section summary table ul xmp dd dt`);

interface Ends {
  readonly ended: ReadonlySet<string>;
  readonly within: ReadonlySet<string>;
}

/** What else a start tag ends. */
export const ENDS: ReadonlyMap<string, Ends> = new Map<string, Ends>([
  ["li", { ended: setOf("li"), within: ITEM_SCOPE }],
  ...["dd", "dt"].map((name): [string, Ends] => [name, { ended: setOf("dd dt"), within: ITEM_SCOPE }]),
  ...["td", "th"].map((name): [string, Ends] => [
    name,
    { ended: setOf("td th caption colgroup"), within: setOf("html table template tr") },
  ]),
  ["tr", { ended: setOf("tr td th caption colgroup"), within: setOf("html table template tbody thead tfoot") }],
  ...["tbody", "thead", "tfoot", "caption", "colgroup"].map((name): [string, Ends] => [
    name,
    { ended: setOf("tbody thead tfoot tr td th caption colgroup"), within: TABLE_SCOPE },
  ]),
  ["body", { ended: setOf("head"), within: setOf("template") }],
  ["a", { ended: setOf("a"), within: SCOPE }],
  ["button", { ended: setOf("button"), within: SCOPE }],
]);

/** Innermost elements that a start tag ends. */
export const ENDS_INNERMOST: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["option", setOf("option")],
  ["optgroup", setOf("option optgroup")],
  ...[...HEADINGS].map((name): [string, ReadonlySet<string>] => [name, HEADINGS]),
]);

/** Annotations of text, and the innermost elements that each ends within `ruby`. */
export const ENDS_IN_RUBY: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  ["rb", "rp", "rt", "rtc"].map((name) => [
    name,
    setOf(`dd dt li optgroup option p rb rp rt${name === "rp" || name === "rt" ? "" : " rtc"}`),
  ]),
);

/** Where an end tag looks for its start tag. */
export const END_SCOPES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["p", BUTTON_SCOPE],
  ["li", LIST_SCOPE],
  ...["table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption", "colgroup"].map(
    (name): [string, ReadonlySet<string>] => [name, TABLE_SCOPE],
  ),
  ["template", ANYWHERE],
  ["body", ANYWHERE],
  ["html", ANYWHERE],
]);

/** Tags of HTML that end SVG and MathML around them. */
export const LEAVES_FOREIGN =
  setOf(`b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu
  meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var`);
export const SVG_INTEGRATION: ReadonlySet<string> = setOf("foreignobject desc title");
export const MATHML_INTEGRATION: ReadonlySet<string> = setOf("mi mo mn ms mtext");

export const PARAGRAPH: ReadonlySet<string> = setOf("p");
