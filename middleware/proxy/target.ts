/** Where requests are sent to: `http://10.0.0.7:3000/base`, `https://api.example.com`, `unix:/run/app.sock:/base`. */

import { isIP } from "node:net";
import { TsgiError } from "../../src/errors.ts";

/** A server, and the path that all requests to it begin with. */
export interface Target {
  /** As it was given, for messages. */
  readonly url: string;
  readonly isSecure: boolean;
  /** The host name or the address; empty for a Unix socket. */
  readonly hostname: string;
  /** The address to connect to, or the host name where that is to be looked up. */
  readonly address: string;
  readonly port: number;
  /** The path of a Unix socket. */
  readonly socketPath: string | undefined;
  /** What `Host` says, unless that is told otherwise (RFC 9110 §7.2). */
  readonly authority: string;
  /** How URLs of the target begin: `http://10.0.0.7:3000`. */
  readonly origin: string;
  /** What every path begins with; without a slash at its end, so empty for none. */
  readonly base: string;
  /** The path of the target itself: the base as it was given. */
  readonly root: string;
  /** What every query begins with; without `?`. */
  readonly query: string;
}

/**
 * targetOf reads a target; `owner` is what error messages call it. `address` is one of those that the host name has. Throws
 * `TSGI_BAD_TARGET`.
 */
export function targetOf(url: string, owner: string, address?: string): Target {
  const unix = /^unix:(\/[^:?#]+)(?::(\/[^#]*))?$/.exec(url);
  const parsed = targetUrl(unix === null ? url : `http://localhost${unix[2] ?? ""}`);
  if (parsed === undefined) throw badTarget(url, owner);
  const root = parsed.pathname;
  const isSecure = parsed.protocol === "https:";
  const hostname = unix === null ? parsed.hostname.replace(/^\[|\]$/g, "") : "";
  return {
    url,
    isSecure,
    hostname,
    address: address ?? hostname,
    port: parsed.port === "" ? (isSecure ? 443 : 80) : Number(parsed.port),
    socketPath: unix?.[1],
    authority: parsed.host,
    origin: parsed.origin,
    base: root.replace(/\/+$/, ""),
    root,
    query: parsed.search.slice(1),
  };
}

function targetUrl(text: string): URL | undefined {
  if (!/^https?:\/\/[^/?#@\\]/i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.username === "" && url.password === "" && url.hash === "" ? url : undefined;
}

function badTarget(url: unknown, owner: string): TsgiError {
  return new TsgiError("TSGI_BAD_TARGET", `${JSON.stringify(url)} is not a target of ${owner}`, {
    hint: 'Give a URL without a password and without "#": "http://10.0.0.7:3000/base", "unix:/run/app.sock".',
  });
}

/** The name that a certificate of the target has to have, empty for an address (RFC 6066 §3). */
export function serverName({ hostname }: Target): string {
  return isIP(hostname) === 0 ? hostname : "";
}

/** The request target for a path below the target and a query (RFC 9112 §3.2.1). The path is `*`, empty, or starts with `/`. */
export function requestTarget(target: Target, path: string, query: string): string {
  if (path === "*") return path;
  const joined = path === "" ? target.root : target.base + path;
  if (target.query === "") return query === "" ? joined : `${joined}?${query}`;
  return query === "" ? `${joined}?${target.query}` : `${joined}?${target.query}&${query}`;
}
