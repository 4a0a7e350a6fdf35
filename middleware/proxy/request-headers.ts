/** The header lines of a request as they go on to a target. */

import { BoundedMap } from "../../src/bounded-map.ts";
import { headerName } from "../../src/exchange/header-name.ts";
import type { Environ, HeaderList } from "../../src/gateway.ts";
import { isHopByHop, TOKEN } from "../../src/http/field-rules.ts";

type HeaderKey = `HTTP_${string}` | "CONTENT_TYPE";

/** What happens to a field. */
const PASSED = 0;
/** It belongs to the connection, or is written anew. */
const OWN = 1;
/** It tells of clients, which only those who are trusted may. */
const TELLING = 2;

interface Field {
  /** Undefined for one that the environ does not have. */
  readonly key: HeaderKey | undefined;
  readonly lowerName: string;
  readonly kind: typeof PASSED | typeof OWN | typeof TELLING;
  /** The request that had it last. */
  seenIn: number;
}

/** Fields that are not passed on as they are, beside those of the connection. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  "content-length",
  "expect",
  "forwarded",
  "host",
  "http2-settings",
  "max-forwards",
  "proxy-authorization",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
]);

/** Fields that `Connection` cannot name: a client could hide from the target what it decides by. */
const PROTECTED =
  /^(?:authorization|content-(?:encoding|length|range|type)|cookie|forwarded|host|via|x-(?:forwarded-.*|real-ip))$/;

/** Names as they come, which clients choose, and the same by their key. */
const byName = new BoundedMap<string, Field>(1000);
const byKey = new BoundedMap<string, Field>(1000);

let request = 0;

/**
 * The lines that a request has, names and values in turn: as the client has sent them, with what layers have changed, added and
 * taken away in the environ. `isTrusted` tells whether the peer may tell of clients.
 */
export function passedLines(environ: Environ, isTrusted: boolean): string[] {
  const dropped = namedByConnection(environ.HTTP_CONNECTION);
  const sent = environ["tsgi.exchange"].headers;
  const lines: string[] = [];
  let known = 0;
  if (sent !== undefined) known = passSent(lines, sent, environ, isTrusted, dropped);
  let all = 0;
  for (const key in environ) if (key.charCodeAt(0) === 72 && key.startsWith("HTTP_")) all++;
  if (all === known) return lines;
  if (sent === undefined) passAdded(lines, [], environ, isTrusted, dropped);
  else passAdded(lines, sent, environ, true, undefined);
  return lines;
}

/** Passes on what the client has sent; gives the number of keys of the environ that are done with. */
function passSent(
  lines: string[],
  sent: HeaderList,
  environ: Environ,
  isTrusted: boolean,
  dropped: ReadonlySet<string> | undefined,
): number {
  const id = ++request;
  let known = 0;
  for (let index = 0; index < sent.length; index++) {
    const [name, value] = sent[index] as HeaderList[number];
    const field = byName.get(name) ?? fieldOf(name);
    const { key } = field;
    if (key === undefined) continue;
    const current = environ[key];
    if (current === undefined) continue;
    const isFirst = field.seenIn !== id;
    if (isFirst) {
      field.seenIn = id;
      if (key !== "CONTENT_TYPE") known++;
    }
    if (field.kind === OWN) continue;
    if (isFirst && current === value) {
      if ((field.kind === PASSED || isTrusted) && !dropped?.has(field.lowerName)) lines.push(name, value);
      continue;
    }
    // What a layer has set is not the client's to take away.
    const isAsSent = current === joined(sent, field);
    if (isAsSent && ((field.kind === TELLING && !isTrusted) || dropped?.has(field.lowerName))) continue;
    if (isAsSent && key !== "HTTP_COOKIE") lines.push(name, value);
    else if (isFirst) lines.push(name, current);
  }
  return known;
}

/** Passes on what layers have added; of a host that does not tell its lines, everything. */
function passAdded(
  lines: string[],
  sent: HeaderList,
  environ: Environ,
  isTrusted: boolean,
  dropped: ReadonlySet<string> | undefined,
): void {
  const done = new Set(sent.map(([name]) => (byName.get(name) ?? fieldOf(name)).key));
  for (const key in environ) {
    if (done.has(key as HeaderKey) || !(key.startsWith("HTTP_") || key === "CONTENT_TYPE")) continue;
    const value = environ[key as HeaderKey];
    const name = headerName(key);
    const { kind, lowerName } = byName.get(name) ?? fieldOf(name);
    if (typeof value !== "string" || kind === OWN || dropped?.has(lowerName)) continue;
    if (kind === PASSED || isTrusted) lines.push(name, value);
  }
}

function fieldOf(name: string): Field {
  const lowerName = name.toLowerCase();
  let field = byKey.get(lowerName);
  if (field === undefined) {
    const isOwn = OWN_FIELDS.has(lowerName) || isHopByHop(lowerName);
    const isTelling = lowerName.startsWith("x-forwarded-") || lowerName === "x-real-ip";
    field = { key: keyOf(lowerName), lowerName, kind: isOwn ? OWN : isTelling ? TELLING : PASSED, seenIn: 0 };
    byKey.set(lowerName, field);
  }
  byName.set(name, field);
  return field;
}

/** Whether a field tells of clients and proxies: no client has a say in that, by its trailers either. */
export function tellsOfClients(name: string): boolean {
  return /^(?:forwarded|via|x-forwarded-.*|x-real-ip)$/i.test(name);
}

/** A name with an underscore could pass for another. */
function keyOf(lowerName: string): HeaderKey | undefined {
  if (lowerName === "content-type") return "CONTENT_TYPE";
  if (lowerName === "content-length" || lowerName.includes("_")) return undefined;
  return `HTTP_${lowerName.toUpperCase().replaceAll("-", "_")}`;
}

/** The value that the environ has of a field that the client has sent more than once. */
function joined(sent: HeaderList, { lowerName }: Field): string {
  const values = sent.filter(([name]) => name.toLowerCase() === lowerName).map(([, value]) => value);
  return values.join(lowerName === "cookie" ? "; " : ", ");
}

/** The fields that `Connection` names (RFC 9110 §7.6.1); undefined for none that matter. */
export function namedByConnection(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || /^(?:keep-alive|close|upgrade)?$/i.test(connection)) return undefined;
  const tokens = connection.split(",").map((token) => token.trim().toLowerCase());
  return new Set(tokens.filter((token) => TOKEN.test(token) && !PROTECTED.test(token)));
}
