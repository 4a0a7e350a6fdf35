/**
 * One attempt to get a response of one target: what `proxy` makes once or twice, and a balancer of several targets as often as
 * its budget allows.
 *
 * ```
 * const pool = new Pool(targetOf("http://10.0.0.7:3000", "balancer"), options, "balancer");
 * const attempt = startAttempt(pool, request, limits, {
 *   onOutcome(outcome) {}, // an Answer, or a Failure with phase, reason, isUnsent and isStale
 *   onOver(ending) {}, // after an Answer: "whole", "cut" or "dropped"; the target has no more to do for it
 * });
 * attempt.abort(error); // at any time; an outcome follows if there was none
 * ```
 */

import { NodeAttempt } from "./node-attempt.ts";
import { type AttemptListener, failure } from "./outcome.ts";
import type { Pool } from "./pool.ts";
import type { AttemptLimits } from "./reception.ts";
import { UndiciAttempt } from "./undici-attempt.ts";
import type { Attempt, UpstreamRequest } from "./upstream-request.ts";

/** Starts an attempt. `isNew` asks for a new connection, after one that was kept has turned out to be closed. */
export function startAttempt(
  pool: Pool,
  request: UpstreamRequest,
  limits: AttemptLimits,
  listener: AttemptListener,
  isNew = false,
): Attempt {
  const { expectsContinue, upgrade, path, body, trailers } = request;
  if (pool.connecting.isHttp10 && body !== undefined && body.length === undefined) {
    const error = new Error("the target speaks HTTP/1.0, and the body has no length");
    queueMicrotask(() => listener.onOutcome(failure("head", "unsized", error, { isUnsent: true })));
    return { abort() {} };
  }
  const needsHttp1 = expectsContinue || trailers !== undefined || pool.sendsContinue;
  const needsNode = upgrade !== undefined || path === "*" || (needsHttp1 && !pool.speaksHttp2);
  return needsNode
    ? new NodeAttempt(pool, request, limits, listener)
    : new UndiciAttempt(pool, request, isNew, limits, listener);
}
