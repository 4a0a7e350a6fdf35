/**
 * Several servers elsewhere as one app.
 *
 * ```ts
 * export const app = dispatcher(site, { "/api": balancer(["http://10.0.0.7:3000", "http://10.0.0.8:3000"]) });
 * ```
 *
 * It needs the package `undici`, 7.30 or later, which is not installed with tsgi: `npm install undici@7`.
 */

import type { App, Body, Environ, StartResponse } from "../src/gateway.ts";
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
} from "../src/options.ts";
import { isPromise } from "../src/promise.ts";
import { type Balance, Balancing } from "./balancer/balancing.ts";
import type { Choice } from "./balancer/choices.ts";
import { type EjectionOptions, ejectionSettings } from "./balancer/ejection.ts";
import type { ProbeOptions } from "./balancer/probe.ts";
import { type BalancerSource, type BalancerTargets, Following, isSource } from "./balancer/source.ts";
import { Spread } from "./balancer/spread.ts";
import { type BalancerStatus, statusOf } from "./balancer/status.ts";
import { Sticky, type StickyOptions } from "./balancer/sticky.ts";
import { Forwarding } from "./proxy/forwarding.ts";
import { settingsOf, UPSTREAM_OPTIONS, type UpstreamOptions } from "./proxy/options.ts";
import { Run } from "./proxy/run.ts";
import type { UpstreamRequest } from "./proxy/upstream-request.ts";

export type { Balance, BalancerCandidate } from "./balancer/balancing.ts";
export {
  type DnsAddress,
  type DnsResolver,
  type DnsService,
  type DnsTargetsOptions,
  dnsTargets,
} from "./balancer/dns-targets.ts";
export type { EjectionOptions } from "./balancer/ejection.ts";
export type { BalancerTarget } from "./balancer/peer.ts";
export type { ProbeOptions } from "./balancer/probe.ts";
export type { BalancerSource, BalancerTargets } from "./balancer/source.ts";
export type { BalancerState, BalancerStatus, BalancerTargetStatus } from "./balancer/status.ts";
export type { StickyOptions } from "./balancer/sticky.ts";

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
   * sent twice: GET, HEAD and OPTIONS, and others of which nothing was sent.
   */
  retries?: number | undefined;
  /**
   * After which answers a GET, HEAD or OPTIONS is sent to another target: statuses from 400 on, and `"timeout"`, where the head
   * has not come in time. Where there is no other target, or no budget, the answer is passed on. Default: none, `[]`.
   */
  retryOn?: readonly (number | "timeout")[] | undefined;
  /**
   * Whether a GET, HEAD or OPTIONS is sent to a second target where the first one takes long, in which case whichever answers
   * first counts and the other one is cut: after so many milliseconds, or, with `true`, once it has taken longer than 95 percent
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
  /** How long to wait before a function that lists the targets is called again, or a source that has failed is asked. Default 5000. */
  refresh?: number | undefined;
}

/** An app that spreads requests over targets. */
export interface Balancer extends App {
  /**
   * Takes another list of targets. Those that stay keep their connections and what is known of them; those that go finish what
   * is under way. Throws `TSGI_BAD_TARGET`, and the list stays then.
   */
  update(targets: BalancerTargets): void;
  /**
   * Takes a target out, at all its addresses, until `update` has it again, or a source has left it out in the meantime. Resolves
   * when all that is under way there is over. Rejects with `TSGI_BAD_TARGET` for another URL.
   */
  drain(url: string): Promise<void>;
  /** What every target is doing. */
  status(): BalancerStatus;
  /** Takes all targets out: from now on requests are a 503. Resolves when all that is under way is over. */
  close(): Promise<void>;
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
  retryOn: listOf(either(count(400, 599), oneOf("timeout"))),
  hedge: either(BOOLEAN, count(1, LONGEST)),
  retryBudget: count(0, 100),
  ejection: either(oneOf(false), OBJECT),
  sticky: OBJECT,
  slowStart: count(0, LONGEST),
  refresh: count(1, LONGEST),
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
  interval: count(1, LONGEST),
  timeout: count(1, LONGEST),
  rise: count(1),
  fall: count(1),
};

/**
 * balancer makes one app of several servers elsewhere, each what `proxy` makes of one. The targets are a list, or come from a source
 * whose list changes while it runs: an async iterable of lists, such as `dnsTargets` gives, or a function that is called every
 * five seconds. Until a source has given its first list, requests queue; while it fails, the last list stays. A target that fails gets no requests for a
 * while, and never all of them at once; a request that may be sent twice goes on to another. The answers besides the targets':
 *
 * - 503 with `Retry-After` where no target has room, and the queue is full or takes too long, or there is no target.
 * - 502, 504 and all others as of `proxy`.
 *
 * Throws `TSGI_BAD_TARGET`, `TSGI_BAD_OPTION`, and `TSGI_NO_PACKAGE` where `undici` is not installed.
 */
export function balancer(targets: BalancerTargets | BalancerSource, options: BalancerOptions = {}): Balancer {
  checkOptions("balancer", options, BALANCER_OPTIONS);
  const { balance = "latency", retries = 2, retryOn = [], hedge = false, retryBudget = 20 } = options;
  const { ejection = {}, slowStart = 0, probe, refresh = 5000 } = options;
  const sticky = options.sticky === undefined ? undefined : new Sticky(options.sticky);
  if (typeof ejection === "object") checkOptions("ejection of balancer", ejection, EJECTION_OPTIONS);
  if (probe !== undefined) checkOptions("probe of balancer", probe, PROBE_OPTIONS);
  const { forwarding, returning, pool, limits } = settingsOf(options);
  const maker = new Forwarding(forwarding, "balancer");
  const balancing = new Balancing({
    peers: { pool, ejection: ejectionSettings(ejection), slowStart, probe, tokens: (key) => sticky?.tokens(key) ?? [] },
    limits,
    balance,
    retries,
    retryOn,
    hedge,
    retryBudget,
    queue: pool.queue,
    queueTimeout: pool.queueTimeout,
  });
  let hasBase = false;

  function changed(): void {
    balancing.isAwaitingTargets = false;
    hasBase = balancing.peers.all.some(({ target }) => target.base !== "");
  }

  function update(list: BalancerTargets): void {
    balancing.peers.update(list, balancing.now());
    changed();
  }

  function send(
    environ: Environ,
    startResponse: StartResponse,
    request: UpstreamRequest | App,
    choice: Choice,
  ): Body | Promise<Body> {
    if (typeof request === "function") return request(environ, startResponse);
    const token = sticky?.tokenOf(environ);
    const held = token === undefined ? undefined : balancing.peers.heldBy(token);
    const strategy = new Spread(balancing, request, choice, held);
    const start = sticky === undefined ? startResponse : holding(sticky, environ, startResponse, strategy, token);
    return new Run(environ, start, request, returning, maker.pseudonym, strategy).body;
  }

  /** Sets the cookie of the target that has answered, unless the client has one that still holds. */
  function holding(
    sticky: Sticky,
    environ: Environ,
    startResponse: StartResponse,
    strategy: Spread,
    token: string | undefined,
  ): StartResponse {
    return (status, headers, error) => {
      const { answeredBy } = strategy;
      const own = answeredBy?.tokens[0];
      if (own === undefined || own === token) return startResponse(status, headers, error);
      const held = token === undefined ? undefined : balancing.peers.heldBy(token);
      // One that was busy, or has failed once, keeps its clients.
      const stays = held !== undefined && held !== answeredBy && balancing.isOpen(held, balancing.now());
      return startResponse(status, stays ? headers : sticky.headersWith(headers, own, environ), error);
    };
  }

  function outer(environ: Environ, startResponse: StartResponse): Body | Promise<Body> {
    const choice = balancing.choiceOf(environ);
    const request = maker.requestOf(environ, hasBase);
    if (isPromise(request)) return request.then((made) => send(environ, startResponse, made, choice));
    return send(environ, startResponse, request, choice);
  }

  let following: Following | undefined;
  if (isSource(targets)) {
    balancing.isAwaitingTargets = true;
    // As long as it is not known.
    hasBase = true;
    following = new Following(targets, refresh, {
      onTargets(list) {
        balancing.peers.follow(list, balancing.now());
        balancing.sourceError = undefined;
        changed();
      },
      onFailure(error) {
        balancing.sourceError = error;
      },
    });
  } else update(targets);
  return Object.assign(outer, {
    update,
    drain: (url: string) => balancing.peers.drain(url),
    status: () => statusOf(balancing),
    async close() {
      following?.stop();
      balancing.isAwaitingTargets = false;
      balancing.room.close();
      await balancing.peers.close();
    },
  });
}
