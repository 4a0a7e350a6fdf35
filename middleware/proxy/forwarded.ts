/** What a target is told of the client: `X-Forwarded-*`, `Forwarded` (RFC 7239), `Via` (RFC 9110 §7.6.3). */

import { isIP } from "node:net";
import type { Environ } from "../../src/gateway.ts";
import { networksOf } from "../../src/networks.ts";

/** From whom `X-Forwarded-*` and `Forwarded` are believed: nobody, everybody, or those networks. */
export type Trust = boolean | readonly string[];

/** Tells whether a peer is believed. `owner` is what error messages call the app. Throws `TSGI_BAD_OPTION`. */
export function trustOf(trust: Trust, owner: string): (environ: Environ) => boolean {
  if (typeof trust === "boolean") return () => trust;
  const hasAddress = networksOf(`trust of ${owner}`, trust);
  return ({ REMOTE_ADDR }) => hasAddress(REMOTE_ADDR);
}

/** Appends the `X-Forwarded-*` lines: those of a trusted peer are continued, any others are replaced. */
export function addXForwarded(lines: string[], environ: Environ, isTrusted: boolean): void {
  const peer = environ.REMOTE_ADDR === "" ? "unknown" : environ.REMOTE_ADDR;
  const before = isTrusted ? environ : NOTHING;
  const chain = before.HTTP_X_FORWARDED_FOR;
  lines.push("X-Forwarded-For", chain === undefined ? peer : `${chain}, ${peer}`);
  lines.push("X-Forwarded-Proto", before.HTTP_X_FORWARDED_PROTO ?? environ["tsgi.url_scheme"]);
  const host = before.HTTP_X_FORWARDED_HOST ?? environ.HTTP_HOST;
  if (host !== undefined) lines.push("X-Forwarded-Host", host);
  lines.push("X-Forwarded-Port", before.HTTP_X_FORWARDED_PORT ?? environ.SERVER_PORT);
  const prefix = (before.HTTP_X_FORWARDED_PREFIX ?? "") + environ.SCRIPT_NAME;
  if (prefix !== "") lines.push("X-Forwarded-Prefix", prefix);
}

const NOTHING: Pick<Environ, `HTTP_X_FORWARDED_${string}`> = {};

/** Appends a `Forwarded` line, after what a trusted peer has sent. */
export function addForwarded(lines: string[], environ: Environ, isTrusted: boolean): void {
  const { REMOTE_ADDR, HTTP_HOST, HTTP_FORWARDED } = environ;
  const parts = [`for=${nodeOf(REMOTE_ADDR)}`, `proto=${environ["tsgi.url_scheme"]}`];
  if (HTTP_HOST !== undefined) parts.push(`host=${tokenOrQuoted(HTTP_HOST)}`);
  const own = parts.join(";");
  lines.push("Forwarded", isTrusted && HTTP_FORWARDED !== undefined ? `${HTTP_FORWARDED}, ${own}` : own);
}

/** RFC 7239 §6: an IPv6 address in brackets, and so in quotes. */
function nodeOf(address: string): string {
  if (address === "") return "unknown";
  return isIP(address) === 6 ? `"[${address}]"` : tokenOrQuoted(address);
}

/** RFC 7239 §4: a token, or a quoted string. */
function tokenOrQuoted(text: string): string {
  return /^[!#$%&'*+\-.^_`|~\w]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Whether a `Via` names this proxy, so that the request goes round in circles. */
export function hasPassed(via: string | undefined, pseudonym: string): boolean {
  if (via === undefined || !via.includes(pseudonym)) return false;
  return via.split(",").some((hop) => hop.trim().split(/[ \t]+/)[1] === pseudonym);
}

/** The protocol and its version as `Via` has them: `1.1`, `2.0`. */
export function viaVersion({ SERVER_PROTOCOL }: Environ): string {
  return SERVER_PROTOCOL.startsWith("HTTP/") ? SERVER_PROTOCOL.slice(5) : SERVER_PROTOCOL;
}
