/** Which responses may be compressed, and are worth it. */

import compressible from "compressible";
import { BoundedMap } from "../../src/bounded-map.ts";
import type { AppResponse, Environ } from "../../src/gateway.ts";
import { getHeader, hasHeader } from "../../src/http/headers.ts";
import { isTransformable } from "../transform/change.ts";
import { isEventStream as isStreamOfEvents } from "../transform/event-stream.ts";

/** The head of a response. */
export type ResponseHead = Pick<AppResponse, "status" | "headers">;

/** What the options say about which responses are compressed. */
export interface Selection {
  readonly filter: ((head: ResponseHead, environ: Environ) => boolean) | undefined;
  readonly eventStreams: boolean;
  readonly protectSecrets: boolean;
}

const known = new BoundedMap<string, boolean>(500);

/**
 * isCompressible tells whether a `Content-Type` is one that becomes smaller: text, JSON, XML, scripts, WebAssembly, SVG and
 * TrueType fonts are; images, films, archives, WOFF2 and gRPC are not. `text/event-stream` is. False for undefined.
 */
export function isCompressible(type: string | undefined): boolean {
  if (type === undefined) return false;
  let answer = known.get(type);
  if (answer === undefined) {
    answer = compressible(type) === true && !/^\s*application\/grpc\b/i.test(type);
    known.set(type, answer);
  }
  return answer;
}

/** Whether the response is an event stream. */
export function isEventStream({ headers }: ResponseHead): boolean {
  return isStreamOfEvents(headers);
}

/** Statuses without a body, or with a part of one: no content, reset, a part, not modified. */
const NEVER = /^(?:1\d\d|204|205|206|304) /;

const NO_STORE = /(?:^|[\s,])no-store(?:[\s,]|$)/i;

/**
 * Whether the body of a response may be encoded, whatever its size. `isForced` says that the client does not take it as it is:
 * then its type does not matter.
 */
export function mayEncode(head: ResponseHead, environ: Environ, selection: Selection, isForced: boolean): boolean {
  const { status, headers } = head;
  if (NEVER.test(status) || !isTransformable({ status, headers, body: undefined }, environ)) return false;
  if (environ["tsgi.state"].compress === false) return false;
  if (selection.protectSecrets && mayHoldSecret(head)) return false;
  if (isForced) return true;
  if (selection.filter !== undefined && !selection.filter(head, environ)) return false;
  if (selection.filter === undefined && !isCompressible(getHeader(headers, "Content-Type"))) return false;
  return selection.eventStreams || !isEventStream(head);
}

function mayHoldSecret({ headers }: ResponseHead): boolean {
  return hasHeader(headers, "Set-Cookie") || NO_STORE.test(getHeader(headers, "Cache-Control") ?? "");
}

/** Whether `Accept-Encoding` has a say in what is sent: of a 304, which seldom names a type, in what it stands for. */
export function mayVary(head: ResponseHead, environ: Environ, selection: Selection): boolean {
  if (!head.status.startsWith("304 ")) return mayEncode(head, environ, selection, false);
  const type = getHeader(head.headers, "Content-Type");
  return type === undefined || isCompressible(type);
}
