/** Paths as programmers write them, as keys of mounts and routes: literal, or patterns of `path-to-regexp`. */

import { type Key, PathError, parse, pathToRegexp, type Text, type Token } from "path-to-regexp";
import { TsgiError, type TsgiErrorCode } from "../errors.ts";
import type { Params } from "../gateway.ts";
import { canonicalPath, canonicalPrefix, escapeNonAscii, recode } from "../http/path.ts";

/** A key, ready to be matched. */
export interface Pattern {
  /** The literal segments that every match begins with, canonical: `"/users"` for `/users/:id`. */
  readonly head: string;
  /** Matches a canonical path; undefined for a literal key, which matches its head alone. */
  readonly match: ((path: string) => Match | undefined) | undefined;
  /** Equal for keys that match the same paths under the same names. */
  readonly identity: string;
}

/** What a pattern found. */
export interface Match {
  /** How many characters of the path it took. */
  readonly length: number;
  /** The decoded parameters; undefined where an escape is no UTF-8, which is the client's mistake. */
  readonly params: Params | undefined;
}

/** `prefix` matches on a segment boundary and leaves the rest, `whole` takes all of a path but for a trailing slash. */
export type Extent = "prefix" | "whole";

/**
 * Makes a pattern of a key. Keys with `:name`, `*name` or `{…}` are `path-to-regexp` patterns; all others are literal.
 * Both are canonicalised as requests are, and a trailing slash is dropped, so the root is `""`. Throws an error with the
 * given code for a key that is no absolute path, holds a query, a fragment or a malformed escape, or is no pattern.
 */
export function compilePattern(key: string, extent: Extent, code: TsgiErrorCode): Pattern {
  if (typeof key !== "string" || !/^(?:\/|\{\/)/.test(key)) {
    throw new TsgiError(code, `${JSON.stringify(key)} does not start with /`, { hint: `Write "/${key}".` });
  }
  return /[:*{]/.test(key) ? compileTokens(key, extent, code) : literal(key, key, code);
}

function literal(path: string, key: string, code: TsgiErrorCode): Pattern {
  const head = canonicalPrefix(path);
  if (head === undefined) throw noPath(key, code);
  return { head, match: undefined, identity: head };
}

/** What a pattern is without its groups: texts and parameters in turn. */
type Sequence = readonly Exclude<Token, { type: "group" }>[];

function compileTokens(key: string, extent: Extent, code: TsgiErrorCode): Pattern {
  try {
    const { tokens } = parse(key, { encodePath: (text) => canonicalText(text, key, code) });
    const [first = [], ...others] = sequencesOf(tokens, key);
    if (others.length === 0 && first.every(isText)) return literal(textOf(first), key, code);
    const sequences = [first, ...others].map(withoutTrailingSlash);
    if (!sequences.every(isCanonical)) {
      throw new TsgiError(code, `${JSON.stringify(key)} matches no canonical path`, {
        hint: "Leave out empty and dot segments, and put the slash into the group: {/:name}.",
      });
    }
    return compileRegExp(sequences, key, extent);
  } catch (error) {
    throw error instanceof PathError ? badPattern(key, code, error) : error;
  }
}

/** As many as `path-to-regexp` takes. */
const MOST_SEQUENCES = 256;

/** The sequences that tokens with groups stand for: each group is there first, and then it is not. */
function sequencesOf(tokens: readonly Token[], key: string): Sequence[] {
  let sequences: Sequence[] = [[]];
  for (const token of tokens) {
    const next: Sequence[] = token.type === "group" ? [...sequencesOf(token.tokens, key), []] : [[token]];
    sequences = sequences.flatMap((before) => next.map((after) => [...before, ...after]));
    if (sequences.length > MOST_SEQUENCES) throw new PathError("Too many groups", key);
  }
  return sequences;
}

function compileRegExp(sequences: readonly Sequence[], key: string, extent: Extent): Pattern {
  const isPrefix = extent === "prefix";
  const { regexp, keys } = pathToRegexp(
    sequences.map((tokens) => ({ tokens, originalPath: key })),
    { end: !isPrefix, trailing: false, sensitive: true },
  );
  return {
    head: sequences.map(headOf).reduce(commonHead),
    identity: `${regexp.source} ${keys.map(({ name }) => name).join()}`,
    match(path) {
      // A wildcard would take the trailing slash too, which belongs to the rest.
      const found = regexp.exec(path.slice(0, endOf(path, isPrefix)));
      return found === null ? undefined : { length: found[0].length, params: decodeParams(keys, found) };
    },
  };
}

/** Where a path ends without its trailing slash, or without all of them. Not by `/\/+$/`, which is quadratic. */
function endOf(path: string, dropsAll: boolean): number {
  let end = path.length;
  while (end > 0 && path.charCodeAt(end - 1) === 47) {
    end--;
    if (!dropsAll) break;
  }
  return end;
}

/** The literal segments that a sequence begins with. */
function headOf(sequence: Sequence): string {
  const end = sequence.findIndex((token) => !isText(token));
  const text = textOf(sequence.slice(0, end < 0 ? undefined : end));
  return end < 0 ? text : text.slice(0, text.lastIndexOf("/"));
}

function commonHead(one: string, other: string): string {
  const others = other.split("/");
  const segments = one.split("/");
  const end = segments.findIndex((segment, index) => segment !== others[index]);
  return end < 0 ? one : segments.slice(0, end).join("/");
}

/** The parameters by name, each escape decoded, a wildcard's by segment. */
function decodeParams(keys: readonly Key[], found: RegExpExecArray): Params | undefined {
  const params: Record<string, string | string[]> = {};
  try {
    for (let index = 0; index < keys.length; index++) {
      const { name, type } = keys[index] as Key;
      const value = found[index + 1];
      if (value !== undefined) {
        params[name] = type === "wildcard" ? value.split("/").map(decodeURIComponent) : decodeURIComponent(value);
      }
    }
    return params;
  } catch {
    return undefined;
  }
}

function canonicalText(text: string, key: string, code: TsgiErrorCode): string {
  const ascii = escapeNonAscii(text);
  const canonical = ascii === undefined ? undefined : recode(ascii);
  if (canonical === undefined) throw noPath(key, code);
  return canonical;
}

function isText(token: Token): token is Text {
  return token.type === "text";
}

/** The text of a sequence, with an `x` for each parameter. */
function textOf(sequence: Sequence): string {
  return sequence.map((token) => (isText(token) ? token.value : "x")).join("");
}

function withoutTrailingSlash(sequence: Sequence): Sequence {
  const last = sequence.at(-1);
  if (last?.type !== "text" || !last.value.endsWith("/")) return sequence;
  const value = last.value.slice(0, endOf(last.value, true));
  return value === "" ? sequence.slice(0, -1) : [...sequence.slice(0, -1), { type: "text", value }];
}

function isCanonical(sequence: Sequence): boolean {
  const path = textOf(sequence);
  return path === "" || canonicalPath(path) === path;
}

function noPath(key: string, code: TsgiErrorCode): TsgiError {
  return new TsgiError(code, `${JSON.stringify(key)} is no path`, {
    hint: "A key has no query, no fragment and no malformed escape; write ? as %3F and % as %25.",
  });
}

function badPattern(key: string, code: TsgiErrorCode, cause: Error): TsgiError {
  return new TsgiError(code, `${JSON.stringify(key)} is no pattern: ${cause.message}`, {
    hint: 'Write ":name" for a segment, "*name" for several, "{…}" for what may be missing, "\\\\:" for a plain colon.',
    cause,
  });
}
