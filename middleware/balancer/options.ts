/** The options of a balancer, and what each may be. */

import {
  BOOLEAN,
  checkOptions,
  count,
  either,
  FUNCTION,
  type Kind,
  type Kinds,
  listOf,
  OBJECT,
  oneOf,
  STRING,
} from "../../src/options.ts";
import { UPSTREAM_OPTIONS, type UpstreamOptions } from "../proxy/options.ts";
import type { Balance } from "./balancing.ts";
import type { EjectionOptions } from "./ejection.ts";
import type { BalancerEvent } from "./events.ts";
import type { ProbeOptions } from "./probe.ts";
import type { StickyOptions } from "./sticky.ts";

/**
 * Options of `balancer`: those of `proxy`, of which `connections` counts for each target, and `queue` for all targets together.
 * Durations are milliseconds.
 */
export interface BalancerOptions extends UpstreamOptions {
  /**
   * How a target is chosen. Default `"latency"`.
   *
   * - `"latency"`: of two at random, the one that is expected to answer first, by what it took lately and has under way.
   * - `"leastInFlight"`: the one with the fewest requests under way for its weight.
   * - `"roundRobin"`: in turn, by weight.
   * - `{ key }`: the same one for the same key, which a function makes of the environ; another one only while that is ejected or
   *   full. A target that goes or comes moves its own keys alone.
   * - a function that gets the environ and the targets that may be chosen, and returns the URL of one. Where it throws or returns
   *   anything else, latency decides.
   */
  balance?: Balance | undefined;
  /**
   * How often a request is sent to another target after one has failed. Default 2; 0 for never. Only requests are that may be
   * sent twice: those of `retryMethods`, and others of which nothing was sent.
   */
  retries?: number | undefined;
  /**
   * Which methods may be sent twice, where all of the body is there (up to 16 KiB). Default `["GET", "HEAD", "OPTIONS"]`. PUT and
   * DELETE may be by RFC 9110 §9.2.2, if the targets hold to it.
   */
  retryMethods?: readonly string[] | undefined;
  /**
   * After which answers a request of `retryMethods` is sent to another target: statuses from 400 on, and `"timeout"`, where the head
   * has not come in time. Where there is no other target, or no budget, the answer is passed on. Default: none, `[]`.
   */
  retryOn?: readonly (number | "timeout")[] | undefined;
  /**
   * Whether a GET, HEAD or OPTIONS is sent to a second target where the first one takes long, in which case whichever answers
   * first counts and the other one is cut: after this many milliseconds, or, with `true`, once it has taken longer than 95 percent
   * of those of the last minute. It counts as a retry. Default `false`.
   */
  hedge?: boolean | number | undefined;
  /**
   * How many percent of the requests of the last ten seconds may be sent again; three at once may in any case. Default 20. 0: none.
   */
  retryBudget?: number | undefined;
  /**
   * When a target that fails gets no requests for a while, judged by its responses: no connection, no head in time, a body that
   * is cut, 502, 503 and 504. `false` for never. Default: after three failures in a row within 10 seconds, for 10 seconds; then one
   * request tries it, and it is in again, or out for twice as long.
   */
  ejection?: EjectionOptions | false | undefined;
  /**
   * Whether the requests of one client go to one target, by a cookie that is signed with `secret`. Where that target is gone or
   * out, another one is chosen as usual, and the cookie set anew. A target of the weight 0 keeps the clients that it has.
   * Default: they do not.
   */
  sticky?: StickyOptions | undefined;
  /** Over which time a target that was added, or is in again, gets more and more of its share. Default 0. */
  slowStart?: number | undefined;
  /**
   * How targets are asked whether they are well: `{ path: "/health" }`. Those that are not get no requests while any other is.
   * Default: they are not asked.
   */
  probe?: ProbeOptions | undefined;
  /** Called with each event: a target that is ejected or readmitted, down or up, added or removed; a source that has failed. */
  onEvent?: ((event: BalancerEvent) => unknown) | undefined;
  /** How long to wait before a function that lists the targets is called again, or a source that has failed is asked. Default 5000. */
  refresh?: number | undefined;
}

const LONGEST = 2 ** 31 - 1;

const BALANCE: Kind = either(oneOf("latency", "leastInFlight", "roundRobin"), FUNCTION, {
  expected: "{ key: a function }",
  accepts: (value) => OBJECT.accepts(value) && typeof (value as { key?: unknown }).key === "function",
});

const EJECTION_OPTIONS: Kinds<EjectionOptions> = {
  failures: count(1),
  window: count(1, LONGEST),
  time: count(1, LONGEST),
  longest: count(1, LONGEST),
  share: count(0, 100),
};

const BALANCER_OPTIONS: Kinds<BalancerOptions> = {
  ...UPSTREAM_OPTIONS,
  balance: BALANCE,
  retries: count(0, 100),
  retryMethods: listOf(STRING),
  retryOn: listOf(either(count(400, 599), oneOf("timeout"))),
  hedge: either(BOOLEAN, count(1, LONGEST)),
  retryBudget: count(0, 100),
  ejection: either(oneOf(false), OBJECT),
  sticky: OBJECT,
  slowStart: count(0, LONGEST),
  refresh: count(1, LONGEST),
  onEvent: FUNCTION,
  probe: {
    expected: '{ path: "/health" }',
    accepts: (value) => OBJECT.accepts(value) && (value as { path?: unknown }).path !== undefined,
  },
};

const PROBE_OPTIONS: Kinds<ProbeOptions> = {
  path: {
    expected: 'a path, as "/health"',
    accepts: (value) => typeof value === "string" && /^\/[\x21-\x7e]*$/.test(value) && !/[?#]/.test(value),
  },
  statuses: listOf(count(200, 599)),
  interval: count(1, LONGEST),
  unhealthyInterval: count(1, LONGEST),
  timeout: count(1, LONGEST),
  rise: count(1),
  fall: count(1),
};

/** Throws `TSGI_BAD_OPTION`. */
export function checkBalancerOptions(options: BalancerOptions): void {
  checkOptions("balancer", options, BALANCER_OPTIONS);
  const { ejection, probe } = options;
  if (typeof ejection === "object") checkOptions("ejection of balancer", ejection, EJECTION_OPTIONS);
  if (probe !== undefined) checkOptions("probe of balancer", probe, PROBE_OPTIONS);
}
