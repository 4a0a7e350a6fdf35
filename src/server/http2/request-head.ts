/** The head of a request of HTTP/2 (RFC 9113 §8.3). */

import { randomBytes } from "node:crypto";
import type { StatusLine } from "../../gateway.ts";
import type { ParserLimits } from "../engine/steps.ts";

/** What a head says. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** Names and values in turn, the authority as `host`, without the other pseudo-headers. */
  readonly lines: readonly string[];
  /** How many strings at the beginning of `lines` were not sent as such. */
  readonly added: number;
  /** Whether the client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** Whether it asks for a WebSocket, so that what follows it is not a body. */
  readonly isTunnel: boolean;
}

/** What a line costs besides its name and its value, as in a head of HTTP/1.1. */
const PUNCTUATION = 4;

const COLON = 58;
const SLASH = 47;

/** No limits. */
export const UNLIMITED: ParserLimits = {
  targetLength: Number.POSITIVE_INFINITY,
  headSize: Number.POSITIVE_INFINITY,
  lines: Number.POSITIVE_INFINITY,
};

/**
 * readHead reads header lines, names and values in turn. Gives a status for a head that no app may see: 400 for a target
 * that is not a path, another scheme than http and https, no authority, and one that `host` contradicts; 414, 417, 431 and
 * 501 as HTTP/1.1 does; 501 for CONNECT, except for WebSockets (RFC 8441 §5). That pseudo-headers come first and once, and that no field belongs to a connection, is nghttp2's.
 */
export function readHead(raw: readonly string[], limits: ParserLimits): RequestHead | StatusLine {
  let method = "";
  let target = "";
  let scheme = "";
  let authority: string | undefined;
  let protocol: string | undefined;
  let host: string | undefined;
  let expectation: string | undefined;
  let size = 0;
  const lines: string[] = ["host", ""];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    const value = raw[index + 1] as string;
    size += name.length + value.length + PUNCTUATION;
    if (name.charCodeAt(0) !== COLON) {
      if (name === "host") host ??= value;
      else if (name === "expect") expectation = value;
      lines.push(name, value);
    } else if (name === ":method") method = value;
    else if (name === ":path") target = value;
    else if (name === ":scheme") scheme = value;
    else if (name === ":authority") authority = value;
    else if (name === ":protocol") protocol = value;
  }
  if (target.length > limits.targetLength) return "414 URI Too Long";
  if (size > limits.headSize || lines.length / 2 - 1 > limits.lines) return "431 Request Header Fields Too Large";
  const isTunnel = method === "CONNECT";
  if (isTunnel && protocol?.toLowerCase() !== "websocket") return "501 Not Implemented";
  if (target.charCodeAt(0) !== SLASH && target !== "*") return "400 Bad Request";
  if (scheme !== "http" && scheme !== "https") return "400 Bad Request";
  if (authority === undefined ? host === undefined : host !== undefined && isOther(host, authority)) {
    return "400 Bad Request";
  }
  const expectsContinue = expectation !== undefined && expectation.toLowerCase() === "100-continue";
  if (expectation !== undefined && !expectsContinue) return "417 Expectation Failed";
  lines[1] = host ?? (authority as string);
  if (isTunnel) return openingHead(target, lines, host !== undefined);
  if (host !== undefined) return { method, target, lines: lines.slice(2), added: 0, expectsContinue, isTunnel };
  return { method, target, lines, added: 2, expectsContinue, isTunnel };
}

/**
 * The opening of a WebSocket as HTTP/1.1 has it, so that apps need not tell the two apart: a GET, with a key, of which HTTP/2 has
 * no use (RFC 8441 §5). It has no body (RFC 9110 §9.3.6).
 */
function openingHead(target: string, lines: readonly string[], hasHost: boolean): RequestHead | StatusLine {
  const key = randomBytes(16).toString("base64");
  const front = ["connection", "Upgrade", "upgrade", "websocket", "sec-websocket-key", key];
  if (!hasHost) front.push("host", lines[1] as string);
  const sent: string[] = [];
  for (let index = 2; index < lines.length; index += 2) {
    const name = lines[index] as string;
    if (name === "content-length") return "400 Bad Request";
    if (name !== "sec-websocket-key") sent.push(name, lines[index + 1] as string);
  }
  return {
    method: "GET",
    target,
    lines: [...front, ...sent],
    added: front.length,
    expectsContinue: false,
    isTunnel: true,
  };
}

function isOther(host: string, authority: string): boolean {
  return host !== authority && host.toLowerCase() !== authority.toLowerCase();
}
