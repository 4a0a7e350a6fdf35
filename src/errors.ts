/** The error that tsgi throws: a stable `code` to match, a message that says what is wrong, a hint that says what to do. */

import type { StatusLine } from "./gateway.ts";

/** `TsgiErrorCode`: every code that tsgi throws an error with. A code that was published keeps its meaning. */
export type TsgiErrorCode =
  /** The body that an app returned is not one. */
  | "TSGI_BAD_BODY"
  /** A change of `transform` is not one, or returned something that is not a response. */
  | "TSGI_BAD_CHANGE"
  /** A chunk is neither a string nor bytes. */
  | "TSGI_BAD_CHUNK"
  /** An event of a stream of events is not one, or would break out of its field. */
  | "TSGI_BAD_EVENT"
  /** Static files cannot be exported under that path, or from there. */
  | "TSGI_BAD_EXPORT"
  /** A program or an upstream did not send a valid response: a 502. */
  | "TSGI_BAD_GATEWAY"
  /** A response has a malformed header, or a header list is not one. */
  | "TSGI_BAD_HEADER"
  /** A host pattern is malformed. */
  | "TSGI_BAD_HOST"
  /** A value has no form in JSON. */
  | "TSGI_BAD_JSON"
  /** A mount path or its pattern is malformed. */
  | "TSGI_BAD_MOUNT"
  /** An option has an unknown name or a value of the wrong kind. */
  | "TSGI_BAD_OPTION"
  /** The client sent a malformed request: a 400. */
  | "TSGI_BAD_REQUEST"
  /** A Fetch handler did not return a usable `Response`. */
  | "TSGI_BAD_RESPONSE"
  /** A route is malformed. */
  | "TSGI_BAD_ROUTE"
  /** A CSS selector is malformed, or needs more of a page than a stream has. */
  | "TSGI_BAD_SELECTOR"
  /** A status line is not three digits from 200, a space and a reason. */
  | "TSGI_BAD_STATUS"
  /** The URL of a target to send requests to is not one. */
  | "TSGI_BAD_TARGET"
  /** A TLS key or certificate is missing, unreadable or does not fit. */
  | "TSGI_BAD_TLS"
  /** A trailer line is one that has to come before the body. */
  | "TSGI_BAD_TRAILER"
  /** Something else has read the request body already. */
  | "TSGI_BODY_READ"
  /** The request body is larger than the limit: a 413. */
  | "TSGI_BODY_TOO_LARGE"
  /** The body is longer than its declared `Content-Length`, and was cut there. */
  | "TSGI_BODY_TOO_LONG"
  /** The body ended before its declared `Content-Length`; the connection was closed. */
  | "TSGI_BODY_TOO_SHORT"
  /** The server cannot listen on that address. */
  | "TSGI_CANNOT_LISTEN"
  /** An app cannot be served by workers: its module does not load, or its canary request failed. */
  | "TSGI_CANNOT_START"
  /** The client disconnected before the request or the response was complete. */
  | "TSGI_CLIENT_GONE"
  /** A file changed while it was being sent. */
  | "TSGI_FILE_CHANGED"
  /** A Fetch `Request` cannot have this method: CONNECT, TRACE, TRACK. */
  | "TSGI_FORBIDDEN_METHOD"
  /** A program made no progress in time: a 504. */
  | "TSGI_GATEWAY_TIMEOUT"
  /** An app sent a connection-specific header, which is the server's own. */
  | "TSGI_HOP_BY_HOP"
  /** The host of `toNode` has sent a response of its own. */
  | "TSGI_HOST_ANSWERED"
  /** HTTP/2 towards targets needs version 8 of the package `undici`. */
  | "TSGI_HTTP2_NEEDS_UNDICI_8"
  /** lint: an app or a middleware breaks the rules of bodies. */
  | "TSGI_LINT_BODY"
  /** lint: a middleware dropped a body without closing it. */
  | "TSGI_LINT_DROPPED"
  /** lint: an environ breaks the contract, or was changed. */
  | "TSGI_LINT_ENVIRON"
  /** lint: something that is not a string was written to `tsgi.errors`. */
  | "TSGI_LINT_ERRORS"
  /** lint: the request body was read twice, or gave something that is not bytes. */
  | "TSGI_LINT_INPUT"
  /** lint: an app or a middleware breaks the rules of responses. */
  | "TSGI_LINT_RESPONSE"
  /** lint: the server, or the middleware outside, breaks the contract. */
  | "TSGI_LINT_SERVER"
  /** The request body is not the JSON or the form that was asked for; answered with 400. */
  | "TSGI_MALFORMED_BODY"
  /** Something that is not a function was passed as an app. */
  | "TSGI_NO_APP"
  /** The keys that tokens are verified with cannot be loaded: a 503. */
  | "TSGI_NO_KEYS"
  /** Something that is not a function was passed as a middleware. */
  | "TSGI_NO_MIDDLEWARE"
  /** A package that is not installed is needed: a peer of tsgi, which not everybody needs. */
  | "TSGI_NO_PACKAGE"
  /** There is no such program, or it cannot be run. */
  | "TSGI_NO_PROGRAM"
  /** The session of a request was asked for outside of `session`. */
  | "TSGI_NO_SESSION"
  /** `fromNode` runs on a version of Node without the internals that it relies on. */
  | "TSGI_NODE_UNSUPPORTED"
  /** An app sent a body, or ended, without calling `startResponse`. */
  | "TSGI_NOT_STARTED"
  /** As many requests run and queue as may: a 503. */
  | "TSGI_OVERLOADED"
  /** The process is not allowed to listen on that port. */
  | "TSGI_PORT_DENIED"
  /** Another process listens on that address. */
  | "TSGI_PORT_IN_USE"
  /** A Node handler wrote to its socket before the head of its response. */
  | "TSGI_RAW_WRITE"
  /** A Node handler destroyed its response. */
  | "TSGI_RESPONSE_DESTROYED"
  /** Something was sent after the response had ended. */
  | "TSGI_RESPONSE_OVER"
  /** A session was changed after its response had begun. */
  | "TSGI_SESSION_CLOSED"
  /** A session is too large for a cookie. */
  | "TSGI_SESSION_TOO_LARGE"
  /** `startResponse` was called twice without an error. */
  | "TSGI_STARTED_TWICE"
  /** The store of `session` failed, or did not answer in time: a 503. */
  | "TSGI_STORE_FAILED"
  /** A store did not answer in time: what it may hold counts as missing. */
  | "TSGI_STORE_TIMEOUT"
  /** The request body is not of a type that is read there: a 415. */
  | "TSGI_UNSUPPORTED_TYPE"
  /** A WebSocket of a test was closed before another message came. */
  | "TSGI_WEBSOCKET_CLOSED"
  /** An app did not accept the WebSocket of a test. */
  | "TSGI_WEBSOCKET_REFUSED";

/** What a `TsgiError` carries beside its message. */
export interface TsgiErrorDetails {
  /** What to type instead. */
  hint?: string;
  /**
   * For what the client did wrong: the 4xx that the server answers with when this error reaches it before the head was sent.
   */
  status?: StatusLine;
  /** The error behind this one. */
  cause?: unknown;
}

/** `TsgiError` is the error that tsgi throws. Match its `code`; the message may change. */
export class TsgiError extends Error {
  override readonly name = "TsgiError";
  readonly code: TsgiErrorCode;
  readonly hint: string | undefined;
  readonly status: StatusLine | undefined;

  constructor(code: TsgiErrorCode, message: string, details: TsgiErrorDetails = {}) {
    super(
      details.hint === undefined ? message : `${message}. ${details.hint}`,
      "cause" in details ? { cause: details.cause } : undefined,
    );
    this.code = code;
    this.hint = details.hint;
    this.status = details.status;
  }
}

/** The error of a read, or a wait, that the client did not stay for. */
export function clientGone(details: TsgiErrorDetails = {}): TsgiError {
  return new TsgiError("TSGI_CLIENT_GONE", "the client went away before its body ended", details);
}

/** codeOf gives the code of a thrown value; empty where it has none. */
export function codeOf(error: unknown): string {
  return memberOf(error, "code");
}

/** memberOf gives a member of a thrown value, which may be anything: a revoked proxy does not even tell what it is. */
export function memberOf(error: unknown, name: "code" | "name"): string {
  try {
    const member = (error as Readonly<Record<string, unknown>> | null | undefined)?.[name];
    return typeof member === "string" ? member : "";
  } catch {
    return "";
  }
}

/** isClientGone tells whether an error says that the client went away: not a defect of the app. */
export function isClientGone(error: unknown): boolean {
  try {
    return error instanceof TsgiError && error.code === "TSGI_CLIENT_GONE";
  } catch {
    return false;
  }
}

/** The status line that a thrown value asks for: only a `TsgiError` with a 4xx does. */
export function statusOfError(error: unknown): StatusLine | undefined {
  try {
    return error instanceof TsgiError && error.status?.startsWith("4") ? error.status : undefined;
  } catch {
    return undefined;
  }
}

/** An error as text for a log: its stack with its causes, or the value itself. Whatever is thrown has a text. */
export function describeError(error: unknown): string {
  try {
    return stackOf(error, []);
  } catch {
    // A thrown value may be a revoked proxy, or have getters that throw.
    return "an error that cannot be shown";
  }
}

function stackOf(error: unknown, seen: readonly unknown[]): string {
  if (!(error instanceof Error)) return describeValue(error);
  const text = error.stack ?? `${error.name}: ${error.message}`;
  const path = [...seen, error];
  const parts =
    error instanceof AggregateError ? error.errors.map((part) => `\nOne of these: ${partOf(part, path)}`) : [];
  const { cause } = error;
  if (cause !== undefined && !path.includes(cause)) parts.push(`\nCaused by: ${stackOf(cause, path)}`);
  return text + parts.join("");
}

function partOf(part: unknown, seen: readonly unknown[]): string {
  return seen.includes(part) ? "the same error" : stackOf(part, seen);
}

/** A value that is not an error may have no text: an object without a prototype, a failing `toString`. */
function describeValue(value: unknown): string {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
