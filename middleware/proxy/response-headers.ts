/** The header lines of a response as they go on to the client. */

import { BoundedMap } from "../../src/bounded-map.ts";
import type { Environ } from "../../src/gateway.ts";
import { isHopByHop, TOKEN } from "../../src/http/field-rules.ts";
import { mayBeTrailer } from "../../src/http/trailers.ts";
import { namedByConnection } from "./request-headers.ts";
import type { Target } from "./target.ts";

/** How a response is led back. */
export interface Return {
  readonly target: Target;
  /** What `Host` has said to the target. */
  readonly host: string;
  readonly environ: Environ;
  /** Whether paths are mapped back. */
  readonly mapsPaths: boolean;
  /** What the `Domain` of a cookie becomes, empty for none; undefined leaves it. */
  readonly cookieDomain: string | undefined;
  /** Empty for none. */
  readonly via: string;
}

const PASSED = 0;
const DROPPED = 1;
const REFERENCE = 2;
const COOKIE = 3;
const TRAILER = 4;
const kinds = new BoundedMap<string, number>(1000);

/** The header list of the client's response. */
export function returnedHeaders(lines: readonly string[], how: Return): [name: string, value: string][] {
  const headers: [string, string][] = [];
  const dropped = droppedBy(lines);
  const isMoved = how.mapsPaths && how.environ.SCRIPT_NAME !== how.target.base;
  for (let index = 0; index < lines.length; index += 2) {
    const name = lines[index] as string;
    let value = lines[index + 1] as string;
    const kind = kinds.get(name) ?? kindOf(name);
    if (kind === DROPPED || dropped?.has(name.toLowerCase())) continue;
    if (kind === REFERENCE && how.mapsPaths) value = mappedReference(value, how);
    else if (kind === COOKIE) value = mappedCookie(value, how, isMoved);
    else if (kind === TRAILER) {
      value = trailerNames(value);
      if (value === "") continue;
    }
    headers.push([name, value]);
  }
  if (how.via !== "") headers.push(["Via", how.via]);
  return headers;
}

/** The fields that a `Trailer` announces, without those that may not be among trailers; empty for none. */
export function trailerNames(value: string): string {
  const names = value.split(",").map((name) => name.trim());
  return names.filter((name) => TOKEN.test(name) && mayBeTrailer(name)).join(", ");
}

function kindOf(name: string): number {
  const lower = name.toLowerCase();
  const kind =
    lower === "trailer"
      ? TRAILER
      : isHopByHop(name) || lower === "proxy-authenticate" || lower === "http2-settings"
        ? DROPPED
        : lower === "location" || lower === "content-location"
          ? REFERENCE
          : lower === "set-cookie"
            ? COOKIE
            : PASSED;
  kinds.set(name, kind);
  return kind;
}

function droppedBy(lines: readonly string[]): ReadonlySet<string> | undefined {
  let connection: string | undefined;
  for (let index = 0; index < lines.length; index += 2) {
    const name = lines[index] as string;
    if (name.length === 10 && name.toLowerCase() === "connection") {
      const value = lines[index + 1] as string;
      connection = connection === undefined ? value : `${connection}, ${value}`;
    }
  }
  return namedByConnection(connection);
}

/** A reference to the target as one below the mount. Relative ones, and those to other hosts, stay as they are. */
function mappedReference(reference: string, how: Return): string {
  const { target, host, environ } = how;
  const scheme = target.isSecure ? "https" : "http";
  const origins = [
    target.origin,
    `${scheme}://${host}`,
    `${environ["tsgi.url_scheme"]}://${environ.HTTP_HOST ?? ""}`,
    `//${host}`,
  ];
  const lower = reference.toLowerCase();
  const origin = origins.find(
    (each) => lower.startsWith(each.toLowerCase()) && /^(?:[/?#]|$)/.test(reference.slice(each.length)),
  );
  if (origin === undefined && !/^\/(?!\/)/.test(reference)) return reference;
  const rest = reference.slice(origin?.length ?? 0);
  const [, path = "", suffix = ""] = /^([^?#]*)(.*)$/s.exec(rest) ?? [];
  const mapped = mappedPath(path === "" ? "/" : path, target, environ.SCRIPT_NAME);
  if (mapped === undefined) return reference;
  // Two slashes would begin the name of a host (RFC 3986 §4.2), and browsers take a backslash for one and leave tabs out.
  return (/^\/\t*[/\\]/.test(mapped) ? "/." : "") + mapped + suffix;
}

/**
 * A path of the target as the client sees it; undefined for one that the client cannot reach. A target that has been told its
 * prefix may have put it there already.
 */
function mappedPath(path: string, { base }: Target, mount: string): string | undefined {
  if (base !== "") return isBelow(path, base) ? mount + path.slice(base.length) || "/" : undefined;
  return mount !== "" && isBelow(path, mount) ? path : mount + path;
}

function isBelow(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 47);
}

function mappedCookie(cookie: string, { target, environ, cookieDomain }: Return, isMoved: boolean): string {
  let mapped = cookie;
  if (cookieDomain !== undefined) {
    mapped = mapped.replace(/;[ \t]*domain[ \t]*=[^;]*/gi, cookieDomain === "" ? "" : `; Domain=${cookieDomain}`);
  }
  // Browsers refuse such a cookie with any other path than the root.
  if (!isMoved || /^[ \t]*__host-/i.test(cookie)) return mapped;
  return mapped.replace(/(;[ \t]*path[ \t]*=[ \t]*)([^;]*)/gi, (whole, start: string, path: string) => {
    const at = path.trim();
    if (!at.startsWith("/")) return whole;
    // A client may choose what the pattern of a mount matches: a semicolon would end the attribute, and begin another.
    const mount = environ.SCRIPT_NAME.replaceAll(";", "%3B");
    return start + (at === "/" ? mount || "/" : (mappedPath(at, target, mount) ?? at));
  });
}
