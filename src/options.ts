/** Options that a programmer gives, checked when the app is built: an unknown name or a value of the wrong kind throws. */

import { TsgiError } from "./errors.ts";

/** What a value may be, and how an error message says so: `"true or false"`. */
export interface Kind {
  readonly expected: string;
  accepts(value: unknown): boolean;
}

/** How each option is called, and what it may be. */
export type Kinds<Options> = { readonly [Name in keyof Required<Options>]: Kind };

export const BOOLEAN: Kind = kindOf("boolean", "true or false");
export const STRING: Kind = kindOf("string", "a string");
export const FUNCTION: Kind = kindOf("function", "a function");

/** An object that is not a list. */
export const OBJECT: Kind = {
  expected: "an object",
  accepts: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};

/** A whole number between two bounds, both included. */
export function count(least = 0, most: number = Number.MAX_SAFE_INTEGER): Kind {
  return {
    expected:
      most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least}` : `a whole number from ${least} to ${most}`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  };
}

/** One of these values. */
export function oneOf(...values: readonly (string | number | boolean)[]): Kind {
  return {
    expected: values.map((value) => JSON.stringify(value)).join(" or "),
    accepts: (value) => values.some((each) => each === value),
  };
}

/** A value of any of these kinds. */
export function either(...kinds: readonly Kind[]): Kind {
  return {
    expected: kinds.map(({ expected }) => expected).join(", or "),
    accepts: (value) => kinds.some((kind) => kind.accepts(value)),
  };
}

/** A list of values of one kind. */
export function listOf(kind: Kind): Kind {
  return {
    expected: `a list, each of it ${kind.expected}`,
    accepts: (value) => Array.isArray(value) && value.every((each) => kind.accepts(each)),
  };
}

function kindOf(type: string, expected: string): Kind {
  return { expected, accepts: (value) => typeof value === type };
}

/**
 * Checks the options of `owner`, which is what error messages call it. An option that is undefined counts as not given.
 * Throws `TSGI_BAD_OPTION` for options that are not an object, for a name that is not known, with the nearest one as the
 * hint, and for a value of the wrong kind.
 */
export function checkOptions<Options extends object>(owner: string, options: Options, kinds: Kinds<Options>): void {
  if (!OBJECT.accepts(options))
    throw badOption(`the options of ${owner} are ${showOption(options)}`, "Give an object.");
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name as keyof Options] : undefined;
    if (kind === undefined) throw unknownOption(owner, name, Object.keys(kinds));
    if (value !== undefined && !kind.accepts(value)) {
      throw badOption(`${name} of ${owner} is ${showOption(value)}`, `Give ${kind.expected}.`);
    }
  }
}

function unknownOption(owner: string, name: string, names: readonly string[]): TsgiError {
  const nearest = nearestTo(name, names);
  const hint = nearest === undefined ? `It has: ${names.join(", ")}.` : `Did you mean ${nearest}?`;
  return badOption(`${owner} has no option ${JSON.stringify(name)}`, hint);
}

function badOption(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_OPTION", message, { hint });
}

/** The name that was probably meant; undefined where none is near. */
export function nearestTo(typed: string, names: readonly string[]): string | undefined {
  const scored = names.map((name) => ({ name, edits: editsBetween(typed.toLowerCase(), name.toLowerCase()) }));
  const [best] = scored.sort((one, other) => one.edits - other.edits);
  return best !== undefined && best.edits <= Math.max(1, Math.floor(typed.length / 3)) ? best.name : undefined;
}

/** How many characters have to be added, removed, replaced or swapped with the next (optimal string alignment). */
function editsBetween(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      const swapped = isSwapped ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(replaced, swapped, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    before = row;
    row = next;
  }
  return row[other.length] as number;
}

/** A value as an error message shows it. */
export function showOption(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
