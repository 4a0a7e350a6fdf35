/** Paths as programmers write them, as keys of mounts and routes: literal, or patterns of `path-to-regexp`. */

import { type Key, PathError, parse, pathToRegexp, type Text, type Token } from "path-to-regexp";
import { TsgiError, type TsgiErrorCode } from "../errors.ts";
import type { Params } from "../gateway.ts";
import { canonicalPath, canonicalPrefix, escapeNonAscii, recode } from "../http/path.ts";
import { foldCase } from "./fold.ts";

/** A key, ready to be matched. */
export type Pattern = LiteralPattern | VariablePattern;

/** A key without parameters. */
export interface LiteralPattern {
  /** The canonical path that it is; `""` for the root. */
  readonly head: string;
  readonly match: undefined;
  /** Equal for keys that match the same paths. */
  readonly identity: string;
}

/** A key with parameters or groups. */
export interface VariablePattern {
  /** The shapes that its matches may have. */
  readonly shapes: readonly Shape[];
  /** Matches a canonical path. */
  match(path: string): Match | undefined;
  /** Equal for keys that match the same paths under the same names. */
  readonly identity: string;
}

/** What is known of the segments of a match before it is made. */
export interface Shape {
  /** The segments that it begins with: a literal one, or undefined for one with a parameter in it. */
  readonly segments: readonly (string | undefined)[];
  /** Literal segments that stand anywhere after a wildcard; undefined without one. */
  readonly later: readonly string[] | undefined;
}

/** What a pattern matched. Its parameters are decoded when they are asked for: of many matches one is taken. */
export class Match {
  /** How many characters of the path it took. */
  readonly length: number;
  readonly #keys: readonly Key[];
  readonly #found: readonly (string | undefined)[];

  constructor(length: number, keys: readonly Key[], found: readonly (string | undefined)[]) {
    this.length = length;
    this.#keys = keys;
    this.#found = found;
  }

  /** The decoded parameters; undefined if an escape is not UTF-8, which is the client's mistake. */
  get params(): Params | undefined {
    return decodeParams(this.#keys, this.#found);
  }
}

/** `prefix` matches on a segment boundary and leaves the rest; `whole` takes all of a path except a trailing slash. */
export type Extent = "prefix" | "whole";

/** How a key is compiled. */
export interface PatternOptions {
  readonly extent: Extent;
  /** The `code` of the error for a key that cannot be compiled. */
  readonly code: TsgiErrorCode;
  /** `false` ignores differences in case (see `foldCase`); parameters keep theirs. Default `true`. */
  readonly caseSensitive?: boolean;
}

/**
 * Makes a pattern of a key. Keys with `:name`, `*name` or `{…}` are `path-to-regexp` patterns; all others are literal.
 * Both are canonicalised as requests are, and a trailing slash is dropped, so the root is `""`. Throws an error with the
 * given code for a key that is not an absolute path, has a query, a fragment or a malformed escape, or is not a pattern.
 */
export function compilePattern(key: string, options: PatternOptions): Pattern {
  if (typeof key !== "string" || !/^(?:\/|\{\/)/.test(key)) {
    throw new TsgiError(options.code, `${JSON.stringify(key)} does not start with /`, { hint: `Write "/${key}".` });
  }
  return /[:*{]/.test(key) ? compileTokens(key, options) : literalPattern(key, key, options);
}

function literalPattern(path: string, key: string, { code, caseSensitive = true }: PatternOptions): LiteralPattern {
  const head = canonicalPrefix(path);
  if (head === undefined) throw notPath(key, code);
  return { head, match: undefined, identity: caseSensitive ? head : foldCase(head) };
}

/** Tokens of a pattern without groups: texts and parameters in turn. */
export type Sequence = readonly Exclude<Token, { type: "group" }>[];

function compileTokens(key: string, options: PatternOptions): Pattern {
  const { code } = options;
  try {
    const { tokens } = parse(key, { encodePath: (text) => canonicalText(text, key, code) });
    const [first = [], ...others] = sequencesOf(tokens, key);
    if (others.length === 0 && first.every(isText)) return literalPattern(renderSequence(first, "x"), key, options);
    const sequences = [first, ...others].map(withoutTrailingSlash);
    if (!sequences.every(isCanonicalSequence)) {
      throw new TsgiError(code, `${JSON.stringify(key)} matches no canonical path`, {
        hint: "Leave out empty and dot segments, and put the slash into the group: {/:name}.",
      });
    }
    return compileRegExp(sequences, key, options);
  } catch (error) {
    throw error instanceof PathError ? notPattern(key, code, error) : error;
  }
}

/** The limit of `path-to-regexp`. */
const MOST_SEQUENCES = 256;

/** The sequences that tokens with groups stand for: each group is present first, then absent. */
export function sequencesOf(tokens: readonly Token[], key: string): Sequence[] {
  let sequences: Sequence[] = [[]];
  for (const token of tokens) {
    const next: Sequence[] = token.type === "group" ? [...sequencesOf(token.tokens, key), []] : [[token]];
    sequences = sequences.flatMap((before) => next.map((after) => [...before, ...after]));
    if (sequences.length > MOST_SEQUENCES) throw new PathError("Too many groups", key);
  }
  return sequences;
}

function compileRegExp(written: readonly Sequence[], key: string, options: PatternOptions): VariablePattern {
  const { extent, caseSensitive = true } = options;
  const isPrefix = extent === "prefix";
  const sequences = caseSensitive ? written : written.map(foldTexts);
  const { regexp, keys } = pathToRegexp(
    sequences.map((tokens) => ({ tokens, originalPath: key })),
    { end: !isPrefix, trailing: false, sensitive: caseSensitive },
  );
  const withIndices = caseSensitive ? undefined : new RegExp(regexp.source, "di");
  return {
    shapes: sequences.map((sequence) => shapeOf(sequence, "/")),
    identity: `${regexp.source} ${keys.map(({ name }) => name).join()}`,
    match(path) {
      // A wildcard would take the trailing slash too, which belongs to the rest.
      const end = endOf(path, isPrefix);
      const found = regexp.exec(path.slice(0, end));
      if (found !== null) return new Match(found[0].length, keys, found);
      return withIndices === undefined ? undefined : matchFolded(withIndices, keys, path.slice(0, end));
    },
  };
}

/** Matches a path that as sent is not matched, for letters beyond ASCII; parameters of whole segments keep their case. */
function matchFolded(regexp: RegExp, keys: readonly Key[], path: string): Match | undefined {
  if (!path.includes("%")) return undefined;
  const folded = foldCase(path);
  const found = regexp.exec(folded);
  if (found === null) return undefined;
  const asSent = found.map((value, index) => {
    const [start, end] = found.indices?.[index] ?? [0, 0];
    const isWhole = folded[start - 1] === "/" && (end === folded.length || folded[end] === "/");
    return isWhole ? path.slice(offsetIn(path, folded, start - 1) + 1, offsetIn(path, folded, end)) : value;
  });
  return new Match(offsetIn(path, folded, found[0].length), keys, asSent);
}

/** Where the segment boundary at an offset of the folded path lies in the path as sent. */
function offsetIn(path: string, folded: string, offset: number): number {
  let end = 0;
  for (let slash = 0; slash < offset && end < path.length; ) {
    slash = folded.indexOf("/", slash + 1);
    if (slash < 0) return path.length;
    end = path.indexOf("/", end + 1);
  }
  return end;
}

function foldTexts(sequence: Sequence): Sequence {
  return sequence.map((token) => (isText(token) ? { ...token, value: foldCase(token.value) } : token));
}

/** Stand for a parameter and for a wildcard in the text of a sequence, which has no control characters. */
const PARAMETER = "\u0001";
const WILDCARD = "\u0002";

/** The shape of what a sequence matches, its segments between delimiters and counted from its start or its end. */
export function shapeOf(sequence: Sequence, delimiter: string, from: "start" | "end" = "start"): Shape {
  const text = renderSequence(sequence, PARAMETER, WILDCARD);
  const all = (text.startsWith(delimiter) ? text.slice(1) : text).split(delimiter);
  if (from === "end") all.reverse();
  const wildcard = all.findIndex((segment) => segment.includes(WILDCARD));
  const segments = text === "" ? [] : wildcard < 0 ? all : all.slice(0, wildcard);
  return {
    segments: segments.map((segment) => (isLiteralSegment(segment) ? segment : undefined)),
    later: wildcard < 0 ? undefined : all.slice(wildcard + 1).filter(isLiteralSegment),
  };
}

function isLiteralSegment(segment: string): boolean {
  return !segment.includes(PARAMETER) && !segment.includes(WILDCARD);
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

/** The parameters by name, each escape decoded, a wildcard's by segment. */
function decodeParams(keys: readonly Key[], found: readonly (string | undefined)[]): Params | undefined {
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
  if (canonical === undefined) throw notPath(key, code);
  return canonical;
}

function isText(token: Token): token is Text {
  return token.type === "text";
}

/** The text of a sequence with something in the place of each parameter. */
function renderSequence(sequence: Sequence, parameter: string, wildcard: string = parameter): string {
  return sequence
    .map((token) => (isText(token) ? token.value : token.type === "wildcard" ? wildcard : parameter))
    .join("");
}

function withoutTrailingSlash(sequence: Sequence): Sequence {
  const last = sequence.at(-1);
  if (last?.type !== "text" || !last.value.endsWith("/")) return sequence;
  const value = last.value.slice(0, endOf(last.value, true));
  return value === "" ? sequence.slice(0, -1) : [...sequence.slice(0, -1), { type: "text", value }];
}

function isCanonicalSequence(sequence: Sequence): boolean {
  const path = renderSequence(sequence, "x");
  return path === "" || canonicalPath(path) === path;
}

function notPath(key: string, code: TsgiErrorCode): TsgiError {
  return new TsgiError(code, `${JSON.stringify(key)} is not a path`, {
    hint: "A key has no query, no fragment and no malformed escape; write ? as %3F and % as %25.",
  });
}

function notPattern(key: string, code: TsgiErrorCode, cause: Error): TsgiError {
  return new TsgiError(code, `${JSON.stringify(key)} is not a pattern: ${cause.message}`, {
    hint: 'Write ":name" for a segment, "*name" for several, "{…}" for what may be missing, "\\\\:" for a plain colon.',
    cause,
  });
}
