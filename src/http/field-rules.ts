/** What may stand in a header list (RFC 9110 §5.5, §5.6.2), and lists that were checked once for many responses. */

import { BoundedMap } from "../bounded-map.ts";
import { TsgiError } from "../errors.ts";
import type { HeaderList } from "../gateway.ts";
import { getHeader, removeHeaders } from "./headers.ts";

/** RFC 9110 §5.6.2: what a field name and a method are made of. */
export const TOKEN: RegExp = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const BEYOND_ASCII = /[\x80-\xff]/;

/** Connection-specific fields (RFC 9110 §7.6.1): the server's own business, never an app's. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The status whose responses say by `Upgrade` what is asked for (RFC 9110 §15.5.22). */
const UPGRADE_REQUIRED = 426;

/**
 * isHopByHop tells whether a field belongs to one connection (RFC 9110 §7.6.1), so that only a server may send it: all such
 * fields, or with the status code of a response those that it cannot have. A 426 has `Upgrade`.
 */
export function isHopByHop(name: string, code = 0): boolean {
  if (code === UPGRADE_REQUIRED && name.toLowerCase() === "upgrade") return false;
  const known = hopByHop.get(name);
  if (known !== undefined) return known;
  const isOne = HOP_BY_HOP.has(name.toLowerCase());
  hopByHop.set(name, isOne);
  return isOne;
}

const hopByHop = new BoundedMap<string, boolean>(1000);

/** isBeyondAscii tells whether the value of a header holds a character beyond ASCII, which is sent as Latin-1. */
export function isBeyondAscii(value: string): boolean {
  return BEYOND_ASCII.test(value);
}

/** upgradeOf gives the `Upgrade` of a response (rule 1), to be sent with `Connection: upgrade` where there is one (RFC 9110 §7.8). */
export function upgradeOf(code: number, headers: HeaderList): string | undefined {
  return code === UPGRADE_REQUIRED ? getHeader(headers, "Upgrade") : undefined;
}

/** withoutUpgrade gives the headers of a response without `Upgrade`, for connections that cannot be upgraded. */
export function withoutUpgrade(code: number, headers: HeaderList): HeaderList {
  return upgradeOf(code, headers) === undefined ? headers : removeHeaders(headers, "Upgrade");
}

/** A list that was checked, and is never changed again. */
export interface CheckedHeaders {
  readonly list: HeaderList;
  /** The declared `Content-Length`, or -1. */
  readonly contentLength: number;
}

/** What is known of a list that was prepared. */
export interface PreparedHeaders extends CheckedHeaders {
  /** The lines as they are sent (RFC 9112 §5). */
  readonly text: string;
  /** Whether `Date` is among them. */
  readonly hasDate: boolean;
  /** Whether `Upgrade` is. */
  readonly hasUpgrade: boolean;
  /** How often another list was to be made of it, and those that were kept. */
  derivations: number;
  derived: Map<Derivation, HeaderList> | undefined;
}

/** Makes a list of another one: always the same list of the same one. */
export type Derivation = (headers: HeaderList) => HeaderList;

const prepared = new WeakMap<HeaderList, PreparedHeaders>();
/** The list that was found last not to be prepared: it is looked for three times in a response. */
let unprepared: HeaderList | undefined;

/** preparedHeaders gives what is known of a list; undefined where it was not prepared. */
export function preparedHeaders(headers: HeaderList): PreparedHeaders | undefined {
  if (headers === unprepared) return undefined;
  const known = prepared.get(headers);
  if (known === undefined) unprepared = headers;
  return known;
}

/**
 * prepareHeaders checks and freezes a list, once for all the responses that it will be the head of, and gives it back. Their
 * status code matters where it is 426. Throws as `checkHeaders`.
 */
export function prepareHeaders(headers: HeaderList, code = 0): HeaderList {
  const contentLength = checkHeaders(headers, code);
  for (const line of headers) Object.freeze(line);
  const text = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const hasDate = headers.some(([name]) => name.toLowerCase() === "date");
  const list = Object.freeze(headers) as HeaderList;
  const hasUpgrade = headers.some(([name]) => name.toLowerCase() === "upgrade");
  unprepared = undefined;
  prepared.set(list, { list, contentLength, text, hasDate, hasUpgrade, derivations: 0, derived: undefined });
  return list;
}

/** A list of a handler that makes one for each request is not derived from often enough to prepare what comes out. */
const OFTEN = 3;
/** A middleware may be built for each request, too. */
const MOST_DERIVED = 8;

/**
 * deriveHeaders gives what a layer makes of a list. Where the list was prepared the result is prepared too, and kept for the next
 * response: a layer around a response that never changes then costs next to nothing. `derive` is the same function each time.
 */
export function deriveHeaders(headers: HeaderList, derive: Derivation): HeaderList {
  const known = preparedHeaders(headers);
  if (known === undefined) return derive(headers);
  const made = known.derived?.get(derive);
  if (made !== undefined) return made;
  if (++known.derivations < OFTEN) return derive(headers);
  known.derived ??= new Map();
  if (known.derived.size >= MOST_DERIVED) return derive(headers);
  const list = prepareHeaders([...derive(headers)], known.hasUpgrade ? UPGRADE_REQUIRED : 0);
  known.derived.set(derive, list);
  return list;
}

/** Lines with values so long that to check them again costs more than to find that they were. */
const longLines = new WeakSet<readonly [name: string, value: string]>();
const LONG = 100;

/** prepareLines checks and freezes lines that a layer adds to many lists, and gives them back. Throws as `checkHeaders`. */
export function prepareLines(lines: HeaderList): HeaderList {
  checkHeaders(lines);
  for (const line of lines) if (Object.freeze(line)[1].length > LONG) longLines.add(line);
  return lines;
}

function isBadValue(line: readonly [name: string, value: string]): boolean {
  const value = line[1];
  if (typeof value !== "string") return true;
  return (value.length <= LONG || !longLines.has(line)) && BAD_VALUE.test(value);
}

/**
 * takeHeaders checks a list, and returns one that no other code can change: the list itself where it was prepared, else a copy.
 * Throws as `checkHeaders`.
 */
export function takeHeaders(headers: HeaderList, code = 0): CheckedHeaders {
  const known = preparedHeaders(headers);
  if (known !== undefined) return forStatus(known, code);
  const list: [name: string, value: string][] = [];
  return { list, contentLength: checkLines(headers, list, code) };
}

function forStatus(known: PreparedHeaders, code: number): PreparedHeaders {
  if (known.hasUpgrade && code !== UPGRADE_REQUIRED) throw hopByHopError("Upgrade");
  return known;
}

/**
 * checkHeaders checks the header list of a response and gives its `Content-Length`, or -1 where it has none. Throws
 * `TSGI_BAD_HEADER` for a line that is not a pair of strings, a name that is not a token (RFC 9110 §5.6.2), a value with a
 * control character or one beyond Latin-1 (§5.5), a malformed or repeated `Content-Length`; `TSGI_HOP_BY_HOP` for a
 * connection-specific header (§7.6.1), except `Trailer`, and `Upgrade` where `code` is 426.
 */
export function checkHeaders(headers: HeaderList, code = 0): number {
  const known = preparedHeaders(headers);
  return known === undefined ? checkLines(headers, undefined, code) : forStatus(known, code).contentLength;
}

const PLAIN = 0;
const LENGTH = 1;
const UPGRADE = 2;
type Kind = typeof PLAIN | typeof LENGTH | typeof UPGRADE;
const names = new BoundedMap<string, Kind>(1000);

/**
 * The plain lines that were found good at the first places of lists, the last of each place. A list is checked twice, and most
 * of it is as it was in the response before: to compare costs a tenth of a check.
 */
const PLACES = 16;
const goodNames: string[] = new Array(PLACES).fill("X-Good");
const goodValues: string[] = new Array(PLACES).fill("");

function rememberGood(place: number, name: string, value: string): void {
  if (place >= PLACES) return;
  goodNames[place] = name;
  goodValues[place] = value;
}

/** withGoodLine gives a list with one line more, whose name and value are known to be good: they are not checked once more. */
export function withGoodLine(headers: HeaderList, name: string, value: string): HeaderList {
  // What is not a list is refused by whoever checks it.
  if (!Array.isArray(headers)) return headers;
  const list: (readonly [name: string, value: string])[] = [];
  for (let index = 0; index < headers.length; index++) list.push(headers[index]);
  rememberGood(list.length, name, value);
  list.push([name, value]);
  return list;
}

function checkLines(headers: HeaderList, copy: [name: string, value: string][] | undefined, code: number): number {
  if (!Array.isArray(headers)) {
    throw badHeader("headers are not a list", 'Pass pairs: [["Content-Type", "text/html"]].');
  }
  let length = -1;
  for (let index = 0; index < headers.length; index++) {
    const line = headers[index] as readonly [string, string];
    if (!Array.isArray(line) || line.length !== 2) throw badName(line);
    const name = line[0];
    const value = line[1];
    if (index < PLACES && name === goodNames[index] && value === goodValues[index]) {
      copy?.push([name, value]);
      continue;
    }
    const kind = names.get(name) ?? checkName(name);
    if (isBadValue(line)) throw badValue(name, value);
    if (kind === PLAIN) rememberGood(index, name, value);
    else if (kind === LENGTH) {
      if (length >= 0 || !/^\d{1,15}$/.test(value)) {
        throw badHeader(`Content-Length ${JSON.stringify(value)} is malformed or repeated`, "Give one decimal number.");
      }
      length = Number(value);
    } else if (code !== UPGRADE_REQUIRED) throw hopByHopError(name);
    copy?.push([name, value]);
  }
  return length;
}

function checkName(name: unknown): Kind {
  if (typeof name !== "string" || !TOKEN.test(name)) throw badName(name);
  const key = name.toLowerCase();
  // A server drops it where it sends no trailers.
  if (key !== "trailer" && isHopByHop(name, UPGRADE_REQUIRED)) throw hopByHopError(name);
  const kind = key === "content-length" ? LENGTH : key === "upgrade" ? UPGRADE : PLAIN;
  names.set(name, kind);
  return kind;
}

function hopByHopError(name: string): TsgiError {
  return new TsgiError("TSGI_HOP_BY_HOP", `${name} is the server's own header`, {
    hint: "Leave it out: a hop-by-hop header belongs to one connection (RFC 9110 §7.6.1).",
  });
}

function badName(name: unknown): TsgiError {
  const shown = typeof name === "string" ? JSON.stringify(name) : `a value of type ${typeof name}`;
  return badHeader(`${shown} is not a header name`, 'Pass pairs of strings: ["X-Name", "value"].');
}

function badValue(name: string, value: unknown): TsgiError {
  if (typeof value !== "string") {
    return badHeader(
      `header ${name} cannot hold a value of type ${typeof value}`,
      'Pass a string: ["X-Name", "value"].',
    );
  }
  const isControl = [...value].every((char) => char <= "\xff");
  return badHeader(
    `header ${name} cannot hold ${JSON.stringify(value)}`,
    isControl
      ? "A value is a string without CR, LF, NUL or other controls."
      : "A value is Latin-1: encode other text, for example with encodeURIComponent (RFC 9110 §5.5, RFC 8187).",
  );
}

function badHeader(message: string, hint: string): TsgiError {
  return new TsgiError("TSGI_BAD_HEADER", message, { hint });
}
