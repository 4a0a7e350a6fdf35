/** Stored responses, and what is sent of them. */

import type { AppResponse, Environ, HeaderList, StatusLine } from "../../src/gateway.ts";
import { checkHeaders, prepareHeaders } from "../../src/http/field-rules.ts";
import { getHeader, hasHeader, removeHeaders, setHeader } from "../../src/http/headers.ts";
import { checkPreconditions, notModifiedHeaders, parseDate } from "../../src/http/precondition.ts";
import { parseStatus } from "../../src/http/status.ts";
import { ageOf, type Directives, type Judgement, secondsOf } from "./judgement.ts";
import type { CacheEntry } from "./store.ts";

/** What is known of a stored response. */
export interface StoredHead extends Judgement {
  readonly status: StatusLine;
  readonly headers: HeaderList;
  /** By which keys of the environ it varies, and what they were. */
  readonly selection: string;
}

/** A stored response. */
export interface Stored extends CacheEntry {
  readonly meta: StoredHead;
}

/** What the responses of a URI vary by. Its id is part of their keys: without it they are not found any more. */
export interface Index {
  readonly id: string;
  readonly vary: readonly string[];
}

/** Heads that were found to be such. */
const known = new WeakSet<object>();

/** A stored response; undefined for anything else, as others may write to a store. */
export function asStored(entry: CacheEntry | undefined): Stored | undefined {
  if (entry === undefined) return undefined;
  const meta = entry.meta as object;
  if (!known.has(meta)) {
    if (!isHead(meta, entry.body.byteLength)) return undefined;
    known.add(meta);
  }
  return entry as Stored;
}

function isHead(meta: Partial<Record<keyof StoredHead, unknown>>, length: number): boolean {
  const { status, headers, selection, storedAt, age, lifetime, whileRevalidate, ifError } = meta;
  const numbers = [storedAt, age, lifetime, whileRevalidate, ifError];
  if (typeof selection !== "string" || !numbers.every(Number.isFinite)) return false;
  try {
    const declared = checkHeaders(headers as HeaderList, parseStatus(status as StatusLine).code);
    return declared < 0 || declared === length;
  } catch {
    return false;
  }
}

export function asIndex(entry: CacheEntry | undefined): Index | undefined {
  const { id, vary } = (entry?.meta ?? {}) as Partial<Index>;
  const isOne = typeof id === "string" && Array.isArray(vary) && vary.every((key) => typeof key === "string");
  return isOne ? { id, vary } : undefined;
}

/** How many seconds a stored response is fresh still; negative where it is stale. */
export function freshFor({ meta }: Stored): number {
  return meta.lifetime - ageOf(meta, Date.now());
}

/** Whether the client takes what is stored (RFC 9111 §5.2.1). */
export function mayUse(directives: Directives, stored: Stored, left: number): boolean {
  if (directives.size === 0) return true;
  if (directives.has("no-cache")) return false;
  const maxAge = directives.get("max-age");
  const age = stored.meta.lifetime - freshFor(stored);
  if (maxAge !== undefined && age > secondsOf(maxAge)) return false;
  return left >= secondsOf(directives.get("min-fresh"));
}

/** Whether a stored response may be sent where the app fails (RFC 5861 §4). */
export function mayServeOnError(stored: Stored): boolean {
  return freshFor(stored) + stored.meta.ifError > 0;
}

/** How long a response is kept for its validators, where it has some, in seconds. */
const KEPT_TO_VALIDATE = 24 * 60 * 60;

/** How long a response is worth storing, in milliseconds. */
export function retentionOf(meta: StoredHead): number {
  const { headers, lifetime, age, whileRevalidate, ifError } = meta;
  const canValidate = hasHeader(headers, "ETag") || hasHeader(headers, "Last-Modified");
  return Math.max(0, lifetime - age + Math.max(whileRevalidate, ifError, canValidate ? KEPT_TO_VALIDATE : 0)) * 1000;
}

/** The head of a response as it is stored: with the date that its age is counted from, and without its trailers. */
export function storedHead(
  { status, headers }: Pick<AppResponse, "status" | "headers">,
  judgement: Judgement,
  selection: string,
): StoredHead {
  const dated: HeaderList = hasHeader(headers, "Date")
    ? headers
    : [...headers, ["Date", new Date(judgement.storedAt).toUTCString()]];
  return { ...judgement, status, headers: removeHeaders(dated, "Age", "Trailer"), selection };
}

/** Fields that a 304 does not change in what is stored: they are of the body that it does not have (RFC 9111 §3.2). */
const OF_BODY = new Set(["content-length", "content-encoding", "content-range", "content-type", "transfer-encoding"]);

/** The headers of a stored response after a 304 (RFC 9111 §3.2). */
export function freshenedHeaders(stored: HeaderList, update: HeaderList): HeaderList {
  const news = update.filter(([name]) => !OF_BODY.has(name.toLowerCase()));
  return [...removeHeaders(stored, "Age", "Date", ...news.map(([name]) => name)), ...news];
}

/** Whether a 304 may be of what is stored (RFC 9111 §4.3.4). */
export function isOfStored(stored: HeaderList, update: HeaderList): boolean {
  const tag = getHeader(update, "ETag");
  const known = getHeader(stored, "ETag");
  return tag === undefined || (known !== undefined && weak(tag) === weak(known));
}

function weak(tag: string): string {
  return tag.replace(/^W\//, "");
}

/** The request by which the app is asked whether a stored response still holds; undefined where that has no validators. */
export function validating(environ: Environ, { meta: { headers } }: Stored): Environ | undefined {
  const tag = getHeader(headers, "ETag");
  const modified = getHeader(headers, "Last-Modified");
  if (tag === undefined && modified === undefined) return undefined;
  return {
    ...environ,
    HTTP_IF_NONE_MATCH: tag,
    HTTP_IF_MODIFIED_SINCE: modified,
    HTTP_RANGE: undefined,
    HTTP_IF_RANGE: undefined,
  } as Environ;
}

interface Heads {
  readonly name: string;
  readonly second: number;
  readonly headers: HeaderList;
}

/** The headers of the last hit on each response: they are the same for a second. */
const heads = new WeakMap<StoredHead, Heads>();

/** The response to a request that is served from what is stored, without asking the app. */
export function hit(stored: Stored, environ: Environ, name: string): AppResponse {
  const { meta } = stored;
  const second = ageOf(meta, Date.now());
  const known = heads.get(meta);
  if (known !== undefined && known.second === second && known.name === name) {
    return served(stored, known.headers, environ);
  }
  const headers = prepareHeaders(withAge(meta.headers, second, `${name}; hit; ttl=${meta.lifetime - second}`));
  heads.set(meta, { name, second, headers });
  return served(stored, headers, environ);
}

/** The response to a request for which the app was asked, and of which the body is what is stored. */
export function reused(stored: Stored, environ: Environ, cacheStatus: string): AppResponse {
  const { meta } = stored;
  return served(stored, withAge(meta.headers, ageOf(meta, Date.now()), cacheStatus), environ);
}

function withAge(headers: HeaderList, age: number, cacheStatus: string): HeaderList {
  return withStatus([...headers, ["Age", String(age)]], cacheStatus).map(([name, value]) => [name, value] as const);
}

/** Adds a member to `Cache-Status`, after those of caches further in (RFC 9211 §2). */
export function withStatus(headers: HeaderList, member: string): HeaderList {
  const inner = getHeader(headers, "Cache-Status");
  if (inner === undefined) return [...headers, ["Cache-Status", member]];
  return setHeader(headers, "Cache-Status", `${inner}, ${member}`);
}

function served({ meta: { status }, body }: Stored, headers: HeaderList, environ: Environ): AppResponse {
  return isKnownToClient(environ, status, headers)
    ? { status: "304 Not Modified", headers: notModifiedHeaders(headers), body: undefined }
    : { status, headers, body };
}

/** Whether the client has a response already (RFC 9111 §4.3.2). */
export function isKnownToClient(environ: Environ, status: StatusLine, headers: HeaderList): boolean {
  if (environ.HTTP_IF_NONE_MATCH === undefined && environ.HTTP_IF_MODIFIED_SINCE === undefined) return false;
  if (!status.startsWith("2")) return false;
  return (
    checkPreconditions(environ, {
      // In place of a tag, where there is none: no header can hold it.
      etag: getHeader(headers, "ETag") ?? "\0",
      modified: parseDate(getHeader(headers, "Last-Modified")) ?? Number.NaN,
    }) === "not modified"
  );
}
