/** A request as it is sent to targets. */

import type { HeaderList } from "../../src/gateway.ts";
import type { RequestBody } from "./request-body.ts";

/** A request that may be sent to any target. */
export interface UpstreamRequest {
  readonly method: string;
  /** The path below the target: empty, or starting with `/`; `*` for `OPTIONS *`. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  /** Header lines, names and values in turn, without `Host`, `Content-Length`, and all that belongs to a connection. */
  readonly headers: readonly string[];
  /** What `Host` says; undefined for the target's own. */
  readonly host: string | undefined;
  /** Undefined where there is none. */
  readonly body: RequestBody | undefined;
  /** Whether the client sends its body only when the target asks for it. */
  readonly expectsContinue: boolean;
  /** The protocol to switch to; undefined for none. */
  readonly upgrade: string | undefined;
  /** Gives the trailer lines that follow the body, once that was read; undefined where the client has announced none. */
  readonly trailers?: (() => HeaderList) | undefined;
}

/** An attempt under way. */
export interface Attempt {
  /** Ends it. Where it has no outcome yet that becomes a failure, `aborted`; of a response the rest fails with the error. */
  abort(error: Error): void;
}

/** The header lines of a request, with those that depend on the target, names and values in turn. */
export function headersFor({ headers, host, body }: UpstreamRequest, authority: string): string[] {
  const lines = ["host", host ?? authority, ...headers];
  if (body?.length !== undefined) lines.push("content-length", String(body.length));
  return lines;
}
