/** CSS selectors, as far as the start tags of a page and of the elements around it tell whether they match (Selectors Level 4). */

import { TsgiError } from "../../src/errors.ts";
import { loadCssWhat, type SelectorPart } from "./package.ts";
import type { Tag } from "./tag.ts";

/** Whether an element matches; `around` are the elements that it is in, the outermost first. */
export type Selector = (tag: Tag, around: readonly Tag[]) => boolean;

type Test = (tag: Tag) => boolean;

/** Elements in a row: each test is for the nearest around the one before, `isChild` for nothing in between. */
interface Step {
  readonly test: Test;
  readonly isChild: boolean;
}

/** compileSelector gives the test for a selector. Throws `TSGI_BAD_SELECTOR` for one that is malformed, or needs more than start tags. */
export function compileSelector(text: string, owner: string): Selector {
  let lists: readonly (readonly SelectorPart[])[];
  try {
    lists = loadCssWhat(owner).parse(text);
  } catch (cause) {
    throw cause instanceof TsgiError ? cause : malformed(text, cause);
  }
  if (lists.length === 0) throw malformed(text);
  const alternatives = lists.map((parts) => stepsOf(parts, text));
  return (tag, around) => alternatives.some((steps) => follows(steps, 0, tag, around, around.length));
}

/** Whether the steps from `at` on match an element that `depth` of those around it contain. */
function follows(steps: readonly Step[], at: number, tag: Tag, around: readonly Tag[], depth: number): boolean {
  const step = steps[at] as Step;
  if (!step.test(tag)) return false;
  if (at === steps.length - 1) return true;
  const least = step.isChild ? depth - 1 : 0;
  for (let outer = depth - 1; outer >= Math.max(0, least); outer--) {
    if (follows(steps, at + 1, around[outer] as Tag, around, outer)) return true;
  }
  return false;
}

/** The steps of a selector without commas, the innermost element first. */
function stepsOf(parts: readonly SelectorPart[], text: string): Step[] {
  const steps: Step[] = [];
  let tests: Test[] = [];
  for (const part of parts) {
    if (part.type === "child" || part.type === "descendant") {
      steps.push({ test: all(tests, text), isChild: part.type === "child" });
      tests = [];
    } else tests.push(testOf(part, text));
  }
  steps.push({ test: all(tests, text), isChild: false });
  // A combinator belongs to what stands after it.
  return steps.map(({ test }, index) => ({ test, isChild: steps[index - 1]?.isChild ?? false })).reverse();
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
    const [step, ...outer] = stepsOf(parts, text);
    if (step === undefined || outer.length > 0) throw unsupported(text, `a combinator in :${name}()`);
    return step.test;
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
