/** Paths as programmers write them, as keys of mounts and routes: literal, or patterns of `path-to-regexp`. */

import { type Key, PathError, parse, pathToRegexp, type Token, type TokenData } from "path-to-regexp";
import { TsgiError } from "./errors.ts";
import type { Params } from "./gateway.ts";
import { canonicalPath, canonicalPrefix, escapeNonAscii, recode } from "./path.ts";

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
 * Both are canonicalised as requests are. Throws an error with the given code for a key that is no absolute path, holds a
 * query, a fragment or a malformed escape, or is no pattern.
 */
export function compilePattern(key: string, extent: Extent, code: string): Pattern {
  if (typeof key !== "string" || !/^(?:\/|\{\/)/.test(key)) {
    throw new TsgiError(code, `${JSON.stringify(key)} does not start with /`, { hint: `Write "/${key}".` });
  }
  return /[:*{]/.test(key) ? compileTokens(key, extent, code) : literal(canonicalLiteral(key, extent), key, code);
}

function canonicalLiteral(key: string, extent: Extent): string | undefined {
  if (key.includes("?")) return undefined;
  if (extent === "prefix") return canonicalPrefix(key);
  const ascii = escapeNonAscii(key);
  return ascii === undefined ? undefined : canonicalPath(ascii);
}

function literal(head: string | undefined, key: string, code: string): Pattern {
  if (head === undefined) {
    throw new TsgiError(code, `${JSON.stringify(key)} is no path`, {
      hint: "A key has no query, no fragment and no malformed escape; write ? as %3F and % as %25.",
    });
  }
  return { head, match: undefined, identity: head };
}

function compileTokens(key: string, extent: Extent, code: string): Pattern {
  let data: TokenData;
  try {
    data = parse(key, { encodePath: (text) => canonicalText(text, key, code) });
  } catch (error) {
    throw error instanceof PathError ? badPattern(key, code, error) : error;
  }
  const tokens = extent === "prefix" ? withoutTrailingSlash(data.tokens) : data.tokens;
  const first = tokens[0];
  if (tokens.length <= 1 && (first === undefined || first.type === "text")) {
    return literal(first?.value ?? "", key, code);
  }
  if (!isCanonical(tokens)) {
    throw new TsgiError(code, `${JSON.stringify(key)} matches no canonical path`, {
      hint: "Leave out empty and dot segments: no request reaches an app with them.",
    });
  }
  return compileRegExp({ tokens }, key, extent, code);
}

function compileRegExp(data: TokenData, key: string, extent: Extent, code: string): Pattern {
  let compiled: { regexp: RegExp; keys: Key[] };
  try {
    compiled = pathToRegexp(data, { end: extent === "whole", trailing: extent === "whole", sensitive: true });
  } catch (error) {
    throw badPattern(key, code, error as Error);
  }
  const { regexp, keys } = compiled;
  const first = data.tokens[0];
  const head = first?.type === "text" ? first.value.slice(0, first.value.lastIndexOf("/")) : "";
  return {
    head,
    identity: `${regexp.source} ${keys.map(({ name }) => name).join()}`,
    match(path) {
      // A wildcard takes the trailing slash too, which belongs to the rest.
      const found = regexp.exec(extent === "prefix" ? path.replace(/\/+$/, "") : path);
      return found === null ? undefined : { length: found[0].length, params: decodeParams(keys, found) };
    },
  };
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

function canonicalText(text: string, key: string, code: string): string {
  const ascii = escapeNonAscii(text);
  const canonical = ascii === undefined ? undefined : recode(ascii);
  if (canonical === undefined) throw literal(undefined, key, code);
  return canonical;
}

function withoutTrailingSlash(tokens: readonly Token[]): readonly Token[] {
  const last = tokens.at(-1);
  if (last?.type !== "text" || !last.value.endsWith("/")) return tokens;
  const value = last.value.replace(/\/+$/, "");
  return value === "" ? tokens.slice(0, -1) : [...tokens.slice(0, -1), { type: "text", value }];
}

function isCanonical(tokens: readonly Token[]): boolean {
  const sample = (list: readonly Token[]): string =>
    list
      .map((token) => (token.type === "text" ? token.value : token.type === "group" ? sample(token.tokens) : "x"))
      .join("");
  const path = sample(tokens);
  return canonicalPath(path) === path;
}

function badPattern(key: string, code: string, cause: Error): TsgiError {
  return new TsgiError(code, `${JSON.stringify(key)} is no pattern: ${cause.message}`, {
    hint: 'Write ":name" for a segment, "*name" for several, "{…}" for what may be missing, "\\\\:" for a plain colon.',
    cause,
  });
}
