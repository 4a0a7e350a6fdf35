/** From the request of a client to that for a target, and back: all that `proxy` and `balancer` have in common. */

import { mayHaveBody } from "../../src/body/input.ts";
import { codeOf } from "../../src/errors.ts";
import type { App, Environ, HeaderList } from "../../src/gateway.ts";
import { TOKEN } from "../../src/http/field-rules.ts";
import { canonicalPath } from "../../src/http/path.ts";
import { acceptsTrailers, mayBeTrailer } from "../../src/http/trailers.ts";
import { addForwarded, addXForwarded, hasPassed, trustOf, viaVersion } from "./forwarded.ts";
import type { ForwardingOptions } from "./options.ts";
import { BAD_REQUEST, LOOP, NOT_ALLOWED, NOT_IMPLEMENTED, OPTIONS_HERE, TOO_LARGE } from "./refusals.ts";
import { RequestBody, readWhole } from "./request-body.ts";
import { passedLines, tellsOfClients } from "./request-headers.ts";
import { trailerNames } from "./response-headers.ts";
import type { UpstreamRequest } from "./upstream-request.ts";

/** Bodies up to this are read before a target is asked: a slow client then occupies no connection. In bytes. */
const SMALL = 16_384;

/** A dot segment as any decoder could find it, and what may stand around it. */
const DOT_SEGMENT = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?=[/\\;]|%2f|%5c|%3b|$)/i;

const BEYOND_TARGET = /[^\x21-\x7e\x80-\xff]/;

/** Forwarding makes requests for targets of environs. */
export class Forwarding {
  readonly pseudonym: string;
  readonly #options: ForwardingOptions;
  readonly #isTrusted: (environ: Environ) => boolean;
  readonly #upgrades: readonly string[];

  /** `owner` is what error messages call the app. Throws `TSGI_BAD_OPTION`. */
  constructor(options: ForwardingOptions, owner: string) {
    this.#options = options;
    this.#isTrusted = trustOf(options.trust, owner);
    this.#upgrades = options.upgrade.map((protocol) => protocol.toLowerCase());
    this.pseudonym = options.via === true ? `tsgi-${crypto.randomUUID().slice(0, 8)}` : options.via || "";
  }

  /** The request for a target, or an app that answers instead. `hasBase` tells whether targets have a path of their own. */
  requestOf(environ: Environ, hasBase: boolean): UpstreamRequest | App | Promise<UpstreamRequest | App> {
    const { REQUEST_METHOD: method, QUERY_STRING: query } = environ;
    if (method === "TRACE") return NOT_ALLOWED;
    if (method === "CONNECT") return NOT_IMPLEMENTED;
    if (hasPassed(environ.HTTP_VIA, this.pseudonym)) return LOOP;
    if (method === "OPTIONS" && environ.HTTP_MAX_FORWARDS?.trim() === "0") return OPTIONS_HERE;
    const path = this.#options.path === "raw" ? rawPath(environ) : environ.PATH_INFO;
    if (!TOKEN.test(method) || BEYOND_TARGET.test(path) || BEYOND_TARGET.test(query)) return BAD_REQUEST;
    if (this.#rejectsDots(hasBase) && DOT_SEGMENT.test(path)) return BAD_REQUEST;
    const headers = this.#headersOf(environ);
    if (sizeOf(headers) > this.#options.maxRequestHead) return TOO_LARGE;
    const { host } = this.#options;
    const request = {
      method,
      path,
      query,
      headers,
      host: host === "upstream" ? undefined : host === "preserve" ? environ.HTTP_HOST : host,
      body: undefined,
      expectsContinue: false,
      upgrade: this.#upgradeOf(environ),
    };
    return mayHaveBody(environ) ? withBody(request, environ) : request;
  }

  #rejectsDots(hasBase: boolean): boolean {
    const { dotSegments } = this.#options;
    return dotSegments === undefined ? hasBase : dotSegments === "reject";
  }

  #headersOf(environ: Environ): string[] {
    const isTrusted = this.#isTrusted(environ);
    const lines = passedLines(environ, isTrusted);
    addXForwarded(lines, environ, isTrusted);
    if (this.#options.forwarded) addForwarded(lines, environ, isTrusted);
    else if (isTrusted && environ.HTTP_FORWARDED !== undefined) lines.push("Forwarded", environ.HTTP_FORWARDED);
    if (keepsTrailers(environ)) lines.push("TE", "trailers");
    const { HTTP_VIA: via, HTTP_MAX_FORWARDS: left } = environ;
    if (this.pseudonym !== "") {
      const own = `${viaVersion(environ)} ${this.pseudonym}`;
      lines.push("Via", via === undefined ? own : `${via}, ${own}`);
    } else if (via !== undefined) lines.push("Via", via);
    if (left !== undefined) lines.push("Max-Forwards", isCounted(environ, left) ? String(Number(left) - 1) : left);
    return lines;
  }

  /** The protocol to switch to, where the client asks for one that may be spoken here, and can have it. */
  #upgradeOf(environ: Environ): string | undefined {
    const asked = environ.HTTP_UPGRADE?.trim();
    if (asked === undefined || environ.REQUEST_METHOD !== "GET") return undefined;
    if (environ["tsgi.exchange"].onUpgrade === undefined) return undefined;
    return this.#upgrades.includes(asked.toLowerCase()) ? asked : undefined;
  }
}

function isCounted({ REQUEST_METHOD }: Environ, left: string): boolean {
  return REQUEST_METHOD === "OPTIONS" && /^[1-9]\d{0,8}$/.test(left);
}

/**
 * The path below the mount as the client has spelled it; the canonical one where the two cannot be laid side by side, because
 * the mount is spelled in another way, or a layer has changed the path.
 */
function rawPath({ REQUEST_URI, SCRIPT_NAME, PATH_INFO }: Environ): string {
  const [, path = ""] = /^(?:https?:\/\/[^/?#]*)?([^?#]*)/i.exec(REQUEST_URI) ?? [];
  if (!path.startsWith(SCRIPT_NAME)) return PATH_INFO;
  const rest = path.slice(SCRIPT_NAME.length);
  return canonicalPath(rest) === PATH_INFO || canonicalPath(rest, false) === PATH_INFO ? rest : PATH_INFO;
}

function sizeOf(lines: readonly string[]): number {
  let size = 0;
  for (let index = 0; index < lines.length; index++) size += (lines[index] as string).length + 2;
  return size;
}

function withBody(request: UpstreamRequest, environ: Environ): UpstreamRequest | App | Promise<UpstreamRequest | App> {
  const { CONTENT_LENGTH: declared, HTTP_EXPECT, "tsgi.input": input } = environ;
  if (declared !== undefined && !/^\d{1,15}$/.test(declared)) return BAD_REQUEST;
  const length = declared === undefined ? undefined : Number(declared);
  const expectsContinue = HTTP_EXPECT?.toLowerCase() === "100-continue";
  if (length === undefined || length > SMALL || expectsContinue) {
    const sent = { ...request, body: new RequestBody(input, length), expectsContinue };
    return length === undefined && environ.HTTP_TRAILER !== undefined ? withTrailers(sent, environ) : sent;
  }
  return readWhole(input, length).then(
    (bytes) => ({ ...request, body: new RequestBody(input, length, bytes) }),
    (error) => {
      // Those of the server have an answer of their own.
      if (codeOf(error).startsWith("TSGI_")) throw error;
      return BAD_REQUEST;
    },
  );
}

/** A request whose client has announced trailers, without those that may be none (RFC 9110 §6.5.1). */
function withTrailers(request: UpstreamRequest, { HTTP_TRAILER, "tsgi.exchange": exchange }: Environ): UpstreamRequest {
  const names = trailerNames(HTTP_TRAILER ?? "").split(", ");
  const announced = names.filter((name) => !tellsOfClients(name)).join(", ");
  if (announced === "") return request;
  const mayPass = ([name]: HeaderList[number]): boolean => mayBeTrailer(name) && !tellsOfClients(name);
  const trailers = (): HeaderList => (exchange.trailers ?? []).filter(mayPass);
  return { ...request, headers: [...request.headers, "Trailer", announced], trailers };
}

/** Whether trailers of the target reach the client: it says so, or speaks HTTP/2, which always has them. */
function keepsTrailers(environ: Environ): boolean {
  if (environ["tsgi.exchange"].addTrailers === undefined) return false;
  const { HTTP_TE: te, SERVER_PROTOCOL: protocol } = environ;
  return (te !== undefined && acceptsTrailers([["TE", te]])) || !protocol.startsWith("HTTP/1.");
}
