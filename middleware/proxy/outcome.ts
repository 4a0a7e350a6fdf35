/** What becomes of one attempt to get a response of a target: an answer, or a failure that says how far it has come. */

import type { Socket } from "node:net";
import type { Body } from "../../src/gateway.ts";

/** How far an attempt had come when it failed. */
export type Phase = "queue" | "resolve" | "connect" | "tls" | "head" | "body";

/**
 * Why an attempt failed.
 *
 * - `full`: as many requests are under way and queue as may.
 * - `timeout`: the target, or a place in the queue, took too long.
 * - `unreachable`: there is no such host, or nothing listens there.
 * - `untrusted`: the TLS handshake failed.
 * - `reset`: the connection was closed.
 * - `malformed`: the response is not HTTP.
 * - `continue`: the target has sent a `100 Continue` that nobody asked for, which only the other transport takes.
 * - `refused`: the target has answered, by a status after which others are asked.
 * - `upload`: the request body could not be read. Not the target's fault.
 * - `invalid`: the request cannot be sent. Not the target's fault.
 * - `unsized`: the target speaks HTTP/1.0, which has no bodies without a length. Not the target's fault.
 * - `aborted`: nobody waits for it any more. Not the target's fault.
 */
export type Reason =
  | "aborted"
  | "continue"
  | "full"
  | "invalid"
  | "malformed"
  | "refused"
  | "reset"
  | "timeout"
  | "unreachable"
  | "unsized"
  | "untrusted"
  | "upload";

/** Where the trailer lines of a response are, names and values in turn: complete when it is over. */
export interface Trailing {
  readonly trailers: readonly string[];
}

/** The head of a response, and its body. Code that does not pass the body on closes it. */
export interface Answer {
  readonly isAnswer: true;
  readonly status: number;
  /** The reason phrase as it came; empty where there is none. */
  readonly reason: string;
  /** The header lines as they came, names and values in turn. */
  readonly lines: readonly string[];
  /** The version of HTTP that it came in: `"1.1"`. */
  readonly version: string;
  /** Bytes: a list where they are all there, else a stream that is closed once. */
  readonly body: Body;
  /** Whether nothing of the body has come yet, so that its head should not wait for it. */
  readonly isQuiet: boolean;
  readonly trailing: Trailing;
}

/** A target that has switched protocols. Code that does not go on with it destroys the socket. */
export interface Switched {
  /** The header lines of the 101, names and values in turn. */
  readonly lines: readonly string[];
  readonly socket: Socket;
  /** What has come after the head. */
  readonly head: Uint8Array;
}

/** An attempt without a response. */
export interface Failure {
  readonly isAnswer: false;
  readonly phase: Phase;
  readonly reason: Reason;
  /** Whether nothing of the request was written, so that the target cannot have seen it. */
  readonly isUnsent: boolean;
  /** Whether a kept connection was closed before any byte of the response: it says nothing of the target. */
  readonly isStale: boolean;
  readonly error: unknown;
}

export type Outcome = Answer | Failure;

/** How a response has ended after its head: at its end, before it, or nobody has read on. */
export type Ending = "whole" | "cut" | "dropped";

/** Who waits for an attempt. Nothing is called from within the call that started it. */
export interface AttemptListener {
  /** Called once, with the head or a failure. */
  onOutcome(outcome: Outcome): void;
  /** Called once after an answer, when the target has no more to do for it. */
  onOver(ending: Ending): void;
  /** Called with each informational response (RFC 9110 §15.2) except 100 and 101. */
  onInformation?(status: number, lines: readonly string[]): void;
  /** Called instead of `onOutcome` where the target has switched protocols as asked; `onOver` follows when the socket is closed. */
  onSwitch?(switched: Switched): void;
}

/** A failure of some phase. */
export function failure(phase: Phase, reason: Reason, error: unknown, how: Partial<Failure> = {}): Failure {
  return { isAnswer: false, phase, reason, isUnsent: false, isStale: false, error, ...how };
}

/** Whether a failure is one of the target, and not of the client or of this process. */
export function isTargetFailure({ phase, reason, isStale }: Failure): boolean {
  return phase !== "queue" && !isStale && !NOT_THE_TARGET.has(reason);
}

const NOT_THE_TARGET: ReadonlySet<Reason> = new Set(["aborted", "continue", "full", "invalid", "unsized", "upload"]);

/** Methods of requests that may be sent twice (RFC 9110 §9.2.2). DELETE and PUT are too, but few apps hold to it. */
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/**
 * Whether a request may be sent again after a failure, to another target or on another connection: where the target cannot have
 * seen it, or where seeing it twice does no harm. A body that has been read in part is gone.
 */
export function mayRepeat(
  failed: Failure,
  method: string,
  isReplayable: boolean,
  repeatable: ReadonlySet<string> = REPEATABLE,
): boolean {
  if (!isReplayable || NOT_REPEATED.has(failed.reason)) return false;
  return failed.isUnsent || repeatable.has(method);
}

const NOT_REPEATED: ReadonlySet<Reason> = new Set(["aborted", "invalid", "upload"]);
