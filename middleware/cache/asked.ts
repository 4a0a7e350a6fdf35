/** What a request asks a cache for: which requests get the same response. */

import type { Environ } from "../../src/gateway.ts";
import { hasBody } from "../transform/selection.ts";

/** A request that a cache may answer. */
export interface Asked {
  /** The URI, by which unsafe methods invalidate: scheme, host, path and query. */
  readonly uri: string;
  /** All else that an app may put into its response without saying so in `Vary`. */
  readonly facets: string;
}

/** Fields that make an app see another method or target than the cache: such requests pass it by. */
const OVERRIDES = [
  "HTTP_X_HTTP_METHOD_OVERRIDE",
  "HTTP_X_HTTP_METHOD",
  "HTTP_X_METHOD_OVERRIDE",
  "HTTP_X_ORIGINAL_URL",
  "HTTP_X_REWRITE_URL",
] as const;

/** Fields of proxies, which clients can send too, and of which apps make links and redirects. */
const OF_PROXIES = [
  "HTTP_X_FORWARDED_HOST",
  "HTTP_X_FORWARDED_PORT",
  "HTTP_X_FORWARDED_PREFIX",
  "HTTP_X_FORWARDED_PROTO",
  "HTTP_X_FORWARDED_PROTOCOL",
  "HTTP_X_FORWARDED_SCHEME",
  "HTTP_X_FORWARDED_SERVER",
  "HTTP_X_FORWARDED_SSL",
  "HTTP_X_FORWARDED_PATH",
  "HTTP_X_FORWARDED_URI",
  "HTTP_X_SCHEME",
  "HTTP_X_URL_SCHEME",
  "HTTP_X_HOST",
  "HTTP_X_HTTP_HOST_OVERRIDE",
  "HTTP_X_ORIGINAL_HOST",
  "HTTP_FRONT_END_HTTPS",
] as const;

/**
 * Whether a cache may look at a GET or HEAD: not at one with content, for another protocol, that claims to be another request, or
 * whose preconditions only the app can judge (RFC 9111 §4.3.2).
 */
export function isPlain(environ: Environ): boolean {
  if (environ.HTTP_IF_MATCH !== undefined || environ.HTTP_IF_UNMODIFIED_SINCE !== undefined) return false;
  if (environ.HTTP_UPGRADE !== undefined || hasBody(environ)) return false;
  return !OVERRIDES.some((name) => environ[name] !== undefined);
}

/** What a plain request asks for. `extra` is what the site adds by itself. */
export function askedOf(environ: Environ, extra: string): Asked {
  const { HTTP_HOST: host, SERVER_NAME, SERVER_PORT, SCRIPT_NAME, REQUEST_URI, HTTP_FORWARDED: forwarded } = environ;
  let facets = `${host ?? ""}\n${SERVER_NAME}:${SERVER_PORT}\n${SCRIPT_NAME}\n${REQUEST_URI}\n${extra}\n`;
  for (const name of OF_PROXIES) {
    const value = environ[name];
    if (value !== undefined) facets += `${name}=${value}\n`;
  }
  if (forwarded !== undefined) facets += `HTTP_FORWARDED=${withoutClient(forwarded)}\n`;
  return { uri: uriOf(environ), facets };
}

/** The URI of a request, its host in lower case. */
export function uriOf(environ: Environ): string {
  const { SCRIPT_NAME, PATH_INFO, QUERY_STRING } = environ;
  return `${originOf(environ)}${SCRIPT_NAME}${PATH_INFO}?${QUERY_STRING}`;
}

/** The scheme and the host, as URIs of requests begin. */
export function originOf(environ: Environ): string {
  const host = environ.HTTP_HOST ?? `${environ.SERVER_NAME}:${environ.SERVER_PORT}`;
  return `${environ["tsgi.url_scheme"]}://${host.toLowerCase()}`;
}

/** `Forwarded` without who the client is (RFC 7239 §5.1, §5.2), which would make an entry for each. */
function withoutClient(forwarded: string): string {
  return forwarded.replace(/\b(?:for|by)\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^;,"]*)/gi, "");
}

/** The values of these keys of an environ, by which responses vary (RFC 9111 §4.1). */
export function selectionOf(environ: Environ, vary: readonly string[]): string {
  let selection = "";
  for (const key of vary) {
    const value = environ[key as keyof Environ];
    selection += value === undefined ? `!${key}\n` : `${key}=${value}\n`;
  }
  return selection;
}

/** Whether a request is for a part, or only for what is new: its response is not for others. */
export function isSelective(environ: Environ): boolean {
  return (
    environ.HTTP_RANGE !== undefined ||
    environ.HTTP_IF_NONE_MATCH !== undefined ||
    environ.HTTP_IF_MODIFIED_SINCE !== undefined
  );
}
