/** Preconditions of a request (RFC 9110 §13): whether a client may have what it asks for, and needs it. */

import type { Environ, HeaderList } from "../gateway.ts";
import { hasHeader, removeHeaders } from "./headers.ts";

/** What tells two versions of a resource apart. */
export interface Validators {
  /** The entity tag with its quotes: `"abc"`, or `W/"abc"`. */
  readonly etag: string;
  /** The modification time in whole seconds since 1970, as `Last-Modified` has it. */
  readonly modified: number;
}

/** `proceed` with the method, answer 304 `not modified`, or 412 `failed`. */
export type Verdict = "proceed" | "not modified" | "failed";

/** Evaluates the preconditions in the order of RFC 9110 §13.2.2. */
export function checkPreconditions(environ: Environ, validators: Validators): Verdict {
  const { HTTP_IF_MATCH: ifMatch, HTTP_IF_NONE_MATCH: ifNoneMatch } = environ;
  if (ifMatch !== undefined) {
    if (!listsTag(ifMatch, validators.etag, strongTag)) return "failed";
  } else if (isAfter(validators.modified, environ.HTTP_IF_UNMODIFIED_SINCE)) return "failed";

  const isSafe = environ.REQUEST_METHOD === "GET" || environ.REQUEST_METHOD === "HEAD";
  if (ifNoneMatch !== undefined) {
    if (!listsTag(ifNoneMatch, validators.etag, weakTag)) return "proceed";
    return isSafe ? "not modified" : "failed";
  }
  const since = parseDate(environ.HTTP_IF_MODIFIED_SINCE);
  return isSafe && since !== undefined && validators.modified <= since ? "not modified" : "proceed";
}

/** Whether `If-Range` lets a range of this version through (RFC 9110 §13.1.5): a strong tag or the exact date. */
export function isRangeOfThis(environ: Environ, { etag, modified }: Validators): boolean {
  const condition = environ.HTTP_IF_RANGE?.trim();
  if (condition === undefined) return true;
  if (condition.endsWith('"')) return !etag.startsWith("W/") && condition === etag;
  return parseDate(condition) === modified;
}

/** Fields that a 304 leaves out: they describe content that it does not have (RFC 9110 §15.4.5). */
const ONLY_WITH_CONTENT = [
  "Content-Type",
  "Content-Length",
  "Content-Encoding",
  "Content-Language",
  "Content-Disposition",
  "Content-Range",
  "Content-MD5",
  "Content-Digest",
  "Digest",
  "Accept-Ranges",
  "X-Content-Type-Options",
];

/**
 * notModifiedHeaders gives the headers of a 304 for a response that would have these: without those that describe the content.
 * `Last-Modified` stays where there is no `ETag` (RFC 9110 §15.4.5).
 */
export function notModifiedHeaders(headers: HeaderList): HeaderList {
  const kept = removeHeaders(headers, ...ONLY_WITH_CONTENT);
  return hasHeader(kept, "ETag") ? removeHeaders(kept, "Last-Modified") : kept;
}

const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

function listsTag(list: string, etag: string, form: (tag: string) => string | undefined): boolean {
  // What browsers send, where nothing has changed.
  if (list === etag && form(etag) !== undefined) return true;
  if (list.trim() === "*") return true;
  const wanted = form(etag);
  return wanted !== undefined && (list.match(TAG) ?? []).some((tag) => form(tag) === wanted);
}

function weakTag(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}

function strongTag(tag: string): string | undefined {
  return tag.startsWith("W/") ? undefined : tag;
}

function isAfter(modified: number, date: string | undefined): boolean {
  const limit = parseDate(date);
  return limit !== undefined && modified > limit;
}

const DATE =
  /^(?:[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} |[A-Z][a-z]+, \d\d-[A-Z][a-z]{2}-\d\d |[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d )\d\d:\d\d:\d\d(?: GMT| \d{4})$/;

/** An HTTP date (RFC 9110 §5.6.7) in seconds since 1970; undefined for what is none, which is to be ignored. */
export function parseDate(text: string | undefined): number | undefined {
  if (text === undefined || !DATE.test(text)) return undefined;
  const time = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
}
