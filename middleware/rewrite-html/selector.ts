/** CSS selectors, as far as the start tags of a page and of the elements around it tell whether they match (Selectors Level 4). */

import { TsgiError } from "../../src/errors.ts";
import { loadCssWhat, type SelectorPart } from "./package.ts";
import type { Tag } from "./tag.ts";

/** Whether an element matches; `around` are the elements that it is in, the outermost first. */
export type Selector = (tag: Tag, around: readonly Tag[]) => boolean;

type Test = (tag: Tag) => boolean;

/** Elements of which each is the parent of the one before, the innermost first. */
type Line = readonly Test[];

/** compileSelector gives the test for a selector. Throws `TSGI_BAD_SELECTOR` for one that is malformed, or needs more than start tags. */
export function compileSelector(text: string, owner: string): Selector {
  let lists: readonly (readonly SelectorPart[])[];
  try {
    lists = loadCssWhat(owner).parse(text);
  } catch (cause) {
    throw cause instanceof TsgiError ? cause : malformed(text, cause);
  }
  if (lists.length === 0) throw malformed(text);
  const alternatives = lists.map((parts) => linesOf(parts, text));
  return (tag, around) => alternatives.some((lines) => follows(lines, tag, around));
}

/**
 * Whether the lines match, each somewhere around the one before, the first with the element itself. The nearest place for a line
 * leaves the most room for those after it, so none is tried twice.
 */
function follows(lines: readonly Line[], tag: Tag, around: readonly Tag[]): boolean {
  const [own, ...others] = lines as readonly [Line, ...Line[]];
  if (!own[0]?.(tag) || !isAt(own, 1, around.length, around)) return false;
  let depth = around.length - own.length;
  for (const line of others) {
    while (!isAt(line, 0, depth + 1, around)) if (--depth < 0) return false;
    depth -= line.length;
  }
  return true;
}

/** Whether a line from an index on matches the elements before an end, the innermost first. */
function isAt(line: Line, start: number, end: number, around: readonly Tag[]): boolean {
  for (let index = start; index < line.length; index++) {
    const element = around[end - 1 - (index - start)];
    if (element === undefined || !line[index]?.(element)) return false;
  }
  return true;
}

/** The lines of a selector without commas, the innermost first. */
function linesOf(parts: readonly SelectorPart[], text: string): Line[] {
  const lines: Test[][] = [];
  let line: Test[] = [];
  let tests: Test[] = [];
  for (const part of parts) {
    if (part.type === "child" || part.type === "descendant") {
      line.unshift(all(tests, text));
      tests = [];
      if (part.type === "descendant") {
        lines.unshift(line);
        line = [];
      }
    } else tests.push(testOf(part, text));
  }
  line.unshift(all(tests, text));
  return [line, ...lines];
}

function all(tests: readonly Test[], text: string): Test {
  const [only] = tests;
  if (only === undefined) throw unsupported(text, "a combinator without a selector beside it");
  return tests.length === 1 ? only : (tag) => tests.every((test) => test(tag));
}

function testOf(part: SelectorPart, text: string): Test {
  if (part.namespace) throw unsupported(text, "a namespace");
  switch (part.type) {
    case "universal":
      return () => true;
    case "tag": {
      const name = lowerCase(part.name ?? "");
      return (tag) => tag.name === name;
    }
    case "attribute":
      return attributeTest(part, text);
    case "pseudo":
      return pseudoTest(part, text);
  }
  throw unsupported(
    text,
    part.type === "pseudo-element" ? `::${part.name}` : `a combinator of the kind "${part.type}"`,
  );
}

function pseudoTest({ name = "", data }: SelectorPart, text: string): Test {
  if ((name !== "not" && name !== "is" && name !== "where") || !Array.isArray(data)) {
    throw unsupported(text, `:${name}`);
  }
  const alternatives = (data as readonly (readonly SelectorPart[])[]).map((parts) => {
    const [[test, ...parents] = [], ...outer] = linesOf(parts, text);
    if (test === undefined || parents.length + outer.length > 0) throw unsupported(text, `a combinator in :${name}()`);
    return test;
  });
  const isAny: Test = (tag) => alternatives.some((test) => test(tag));
  return name === "not" ? (tag) => !isAny(tag) : isAny;
}

/** Attributes whose values HTML compares without regard to case (HTML Standard §4.16.2). */
const IGNORING_CASE = new Set(
  `accept accept-charset align alink axis bgcolor charset checked clear codetype color compact declare defer dir direction disabled
  enctype face frame hreflang http-equiv lang language link media method multiple nohref noresize noshade nowrap readonly rel rev
  rules scope scrolling selected shape target text type valign valuetype vlink`.split(/\s+/),
);

function attributeTest(part: SelectorPart, text: string): Test {
  const name = lowerCase(part.name ?? "");
  const { action = "", ignoreCase = null, value = "" } = part;
  if (action === "exists") return (tag) => tag.get(name) !== undefined;
  const ignoresCase = ignoreCase === true || (ignoreCase === null && IGNORING_CASE.has(name));
  const form = (given: string) => (ignoresCase ? lowerCase(given) : given);
  const wanted = form(value);
  const compare = comparison(action, wanted);
  if (compare === undefined) throw unsupported(text, `[${name}!=…]`);
  return (tag) => {
    const given = tag.get(name);
    return given !== undefined && compare(form(given));
  };
}

/** Undefined for what CSS does not have. */
function comparison(action: string, wanted: string): ((given: string) => boolean) | undefined {
  const isEmpty = wanted === "";
  switch (action) {
    case "equals":
      return (given) => given === wanted;
    case "start":
      return (given) => !isEmpty && given.startsWith(wanted);
    case "end":
      return (given) => !isEmpty && given.endsWith(wanted);
    case "any":
      return (given) => !isEmpty && given.includes(wanted);
    case "hyphen":
      return (given) => given === wanted || given.startsWith(`${wanted}-`);
    case "element":
      return (given) => !isEmpty && given.split(/[\t\n\f\r ]/).includes(wanted);
  }
  return undefined;
}

/** In lower case as HTML has it: ASCII alone. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function malformed(text: string, cause?: unknown): TsgiError {
  return new TsgiError("TSGI_BAD_SELECTOR", `${JSON.stringify(text)} is not a selector`, {
    hint: 'Write it as in CSS: "main > a[href], img.wide".',
    cause,
  });
}

function unsupported(text: string, what: string): TsgiError {
  return new TsgiError("TSGI_BAD_SELECTOR", `${JSON.stringify(text)} has ${what}, which a stream cannot tell`, {
    hint: "Use names, classes, ids, attributes, :not(), :is(), descendants and children.",
  });
}
