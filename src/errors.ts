/** The error that tsgi throws: a stable `code` to match, a message that says what is wrong, a hint that says what to do. */

import type { StatusLine } from "./gateway.ts";

/** What a `TsgiError` carries beside its message. */
export interface TsgiErrorDetails {
  /** What to type instead. */
  hint?: string;
  /** For what the client did wrong: the 4xx that the server answers with when this error reaches it before the head was sent. */
  status?: StatusLine;
  /** The error behind this one. */
  cause?: unknown;
}

/** An error with a stable `code`, such as `"TSGI_BAD_MOUNT"`. Match the code; the prose may change. */
export class TsgiError extends Error {
  override readonly name = "TsgiError";
  readonly code: string;
  readonly hint: string | undefined;
  readonly status: StatusLine | undefined;

  constructor(code: string, message: string, details: TsgiErrorDetails = {}) {
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

/** isClientGone tells whether an error says that the client went away: nothing that anybody has to mend. */
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
  if (!(error instanceof Error)) return textOf(error);
  const text = error.stack ?? `${error.name}: ${error.message}`;
  const { cause } = error;
  return cause === undefined || cause === error || seen.includes(cause)
    ? text
    : `${text}\nCaused by: ${stackOf(cause, [...seen, error])}`;
}

/** A value that is no error may have no text: an object without prototype, a failing `toString`. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
