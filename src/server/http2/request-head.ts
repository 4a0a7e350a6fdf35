/** The head of a request of HTTP/2 (RFC 9113 §8.2, §8.3). */

import { randomBytes } from "node:crypto";
import type { StatusLine } from "../../gateway.ts";
import { TOKEN } from "../../http/field-rules.ts";
import type { ParserLimits } from "../engine/steps.ts";
import {
  AUTHORITY,
  CONTENT_LENGTH,
  EXPECT,
  FORBIDDEN,
  HOST,
  isPseudo,
  kindOf,
  METHOD,
  PATH,
  PROTOCOL,
  SCHEME,
  TE,
} from "./field-kinds.ts";

/** What a head says. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** Names and values in turn, the authority as `host`, without the other pseudo-headers. */
  readonly lines: readonly string[];
  /** How many strings at the beginning of `lines` were not sent as such. */
  readonly added: number;
  /** How long the body is that follows, in bytes; -1 where that is not said. */
  readonly contentLength: number;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** Whether it asks for a WebSocket, so that what follows it is not a body. */
  readonly isTunnel: boolean;
}

/** A malformed head: its stream is reset (RFC 9113 §8.1.1). */
export const MALFORMED = "malformed";

/** What a line costs besides its name and its value, as in a head of HTTP/1.1. */
const PUNCTUATION = 4;

const SLASH = 47;

/** No limits. */
export const UNLIMITED: ParserLimits = {
  targetLength: Number.POSITIVE_INFINITY,
  headSize: Number.POSITIVE_INFINITY,
  lines: Number.POSITIVE_INFINITY,
};

/** What is gathered of a head. */
interface Gathered {
  /** The values of what occurs once, by kind. */
  readonly single: (string | undefined)[];
  readonly lines: string[];
  size: number;
}

/**
 * readHead reads header lines, names and values in turn. Gives `MALFORMED` for what RFC 9113 calls malformed, and a status for
 * a request that no app may see: 400 for a target that is not a path, another scheme than http and https, and an authority that
 * `host` contradicts; 414, 417, 431 and 501 as HTTP/1.1 does; 501 for CONNECT, except for WebSockets (RFC 8441 §5).
 */
export function readHead(raw: readonly string[], limits: ParserLimits): RequestHead | StatusLine | typeof MALFORMED {
  const gathered = gather(raw);
  if (gathered === undefined) return MALFORMED;
  const { single, lines, size } = gathered;
  const method = single[METHOD];
  const target = single[PATH];
  const scheme = single[SCHEME];
  const authority = single[AUTHORITY];
  const protocol = single[PROTOCOL];
  const host = single[HOST];
  if (method === undefined || !isComplete(method, target, scheme, authority, protocol, host)) return MALFORMED;
  const declared = single[CONTENT_LENGTH];
  if (declared !== undefined && !/^\d{1,15}$/.test(declared)) return MALFORMED;
  const contentLength = declared === undefined ? -1 : Number(declared);
  if (target !== undefined && target.length > limits.targetLength) return "414 URI Too Long";
  if (size > limits.headSize || lines.length / 2 - 1 > limits.lines) return "431 Request Header Fields Too Large";
  const isTunnel = method === "CONNECT";
  if (target === undefined || (isTunnel && protocol?.toLowerCase() !== "websocket")) return "501 Not Implemented";
  if ((scheme !== "http" && scheme !== "https") || !isPath(target)) return "400 Bad Request";
  if (authority !== undefined && host !== undefined && isOther(host, authority)) return "400 Bad Request";
  const expectation = single[EXPECT];
  const expectsContinue = expectation !== undefined && expectation.toLowerCase() === "100-continue";
  if (expectation !== undefined && !expectsContinue) return "417 Expectation Failed";
  lines[1] = host ?? (authority as string);
  if (isTunnel) return declared === undefined ? openingHead(target, lines, host !== undefined) : "400 Bad Request";
  const added = host === undefined ? 2 : 0;
  return {
    method,
    target,
    lines: added === 2 ? lines : lines.slice(2),
    added,
    contentLength,
    expectsContinue,
    isTunnel,
  };
}

/** Undefined for pseudo-headers after fields, for what occurs twice that may not, and for fields that HTTP/2 has not. */
function gather(raw: readonly string[]): Gathered | undefined {
  const single: (string | undefined)[] = new Array(TE + 1).fill(undefined);
  const lines = ["host", ""];
  let size = 0;
  let isAmidFields = false;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    const value = raw[index + 1] as string;
    size += name.length + value.length + PUNCTUATION;
    const kind = kindOf(name);
    if (isPseudo(kind)) {
      if (isAmidFields || single[kind] !== undefined) return undefined;
      single[kind] = value;
      continue;
    }
    isAmidFields = true;
    if (kind === FORBIDDEN || (kind === TE && value.toLowerCase() !== "trailers")) return undefined;
    if (kind === HOST || kind === CONTENT_LENGTH) {
      if (single[kind] !== undefined) return undefined;
      single[kind] = value;
    } else if (kind === EXPECT) single[EXPECT] ??= value;
    lines.push(name, value);
  }
  return { single, lines, size };
}

/** Whether a request has the pseudo-headers that it needs, and no others (RFC 9113 §8.3.1, §8.5, RFC 8441 §4). */
function isComplete(
  method: string,
  target: string | undefined,
  scheme: string | undefined,
  authority: string | undefined,
  protocol: string | undefined,
  host: string | undefined,
): boolean {
  if (!TOKEN.test(method)) return false;
  if (method === "CONNECT" && protocol === undefined) {
    return authority !== undefined && scheme === undefined && target === undefined;
  }
  if (target === undefined || scheme === undefined || target === "") return false;
  if (protocol !== undefined) return method === "CONNECT" && protocol !== "" && authority !== undefined;
  if (authority === undefined && host === undefined) return false;
  // What the schemes of HTTP have; any other one is refused in words.
  return (scheme !== "http" && scheme !== "https") || isPath(target) ? target !== "*" || method === "OPTIONS" : false;
}

function isPath(target: string): boolean {
  return target.charCodeAt(0) === SLASH || target === "*";
}

/**
 * The opening of a WebSocket as HTTP/1.1 has it, so that apps need not tell the two apart: a GET, with a key, of which HTTP/2 has
 * no use (RFC 8441 §5). It has no body (RFC 9110 §9.3.6).
 */
function openingHead(target: string, lines: readonly string[], hasHost: boolean): RequestHead {
  const key = randomBytes(16).toString("base64");
  const front = ["connection", "Upgrade", "upgrade", "websocket", "sec-websocket-key", key];
  if (!hasHost) front.push("host", lines[1] as string);
  const sent: string[] = [];
  for (let index = 2; index < lines.length; index += 2) {
    const name = lines[index] as string;
    if (name !== "sec-websocket-key") sent.push(name, lines[index + 1] as string);
  }
  return {
    method: "GET",
    target,
    lines: [...front, ...sent],
    added: front.length,
    contentLength: -1,
    expectsContinue: false,
    isTunnel: true,
  };
}

function isOther(host: string, authority: string): boolean {
  return host !== authority && host.toLowerCase() !== authority.toLowerCase();
}
