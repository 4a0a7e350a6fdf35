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
import { checkOptions } from "../src/options.ts";
import { isPromise } from "../src/promise.ts";
import { Balancing } from "./balancer/balancing.ts";
import type { Choice } from "./balancer/choices.ts";
import { ejectionSettings } from "./balancer/ejection.ts";
import { Events } from "./balancer/events.ts";
import { type BalancerOptions, checkBalancerOptions } from "./balancer/options.ts";
import { statusPage } from "./balancer/page.ts";
import { type BalancerSource, type BalancerTargets, Following, isSource } from "./balancer/source.ts";
import { Spread } from "./balancer/spread.ts";
import { type BalancerStatus, statusOf } from "./balancer/status.ts";
import { Sticky } from "./balancer/sticky.ts";
import { Forwarding } from "./proxy/forwarding.ts";
import { DRAIN_OPTIONS, type DrainOptions, settingsOf } from "./proxy/options.ts";
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
export type { BalancerEvent } from "./balancer/events.ts";
export type { BalancerOptions } from "./balancer/options.ts";
export type { BalancerTarget } from "./balancer/peer.ts";
export type { ProbeOptions, ProbeRecord } from "./balancer/probe.ts";
export type { BalancerSource, BalancerTargets } from "./balancer/source.ts";
export type { BalancerPercentiles, BalancerState, BalancerStatus, BalancerTargetStatus } from "./balancer/status.ts";
export type { StickyOptions } from "./balancer/sticky.ts";
export type { DrainOptions } from "./proxy/options.ts";

/** Safe methods (RFC 9110 §9.2.1), except TRACE. */
const SAFE = ["GET", "HEAD", "OPTIONS"];

/** An app that spreads requests over targets. */
export interface Balancer extends App {
  /**
   * Takes another list of targets. Those that stay keep their connections and what is known of them; those that go finish what
   * is under way. Throws `TSGI_BAD_TARGET`, and the list stays then.
   */
  update(targets: BalancerTargets): void;
  /**
   * Takes a target out, at all its addresses, until `update` has it again, or a source has left it out in the meantime. Resolves
   * when all that is under way there is over; what is not after `deadline` milliseconds is cut. Default: no deadline. Rejects with
   * `TSGI_BAD_TARGET` for another URL.
   */
  drain(url: string, options?: DrainOptions): Promise<void>;
  /** What every target is doing. */
  status(): BalancerStatus;
  /** The same as a page for people, and as JSON for programs. It tells the addresses of the targets: guard it. */
  readonly page: App;
  /** Takes all targets out: from now on requests are a 503. Resolves when all that is under way is over, as `drain` does. */
  close(options?: DrainOptions): Promise<void>;
}

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
  checkBalancerOptions(options);
  const {
    balance = "latency",
    retries = 2,
    retryMethods = SAFE,
    retryOn = [],
    hedge = false,
    retryBudget = 20,
  } = options;
  const { ejection = {}, slowStart = 0, probe, refresh = 5000 } = options;
  const sticky = options.sticky === undefined ? undefined : new Sticky(options.sticky);
  const events = new Events(options.onEvent);
  const { forwarding, returning, pool, limits } = settingsOf(options);
  const maker = new Forwarding(forwarding, "balancer");
  const balancing = new Balancing({
    peers: {
      pool,
      ejection: ejectionSettings(ejection),
      slowStart,
      probe,
      tokens: (key) => sticky?.tokens(key) ?? [],
      onEvent: (type, peer) => events.ofPeer(type, peer),
    },
    limits,
    balance,
    retries,
    retryMethods,
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

  const outer: App = function balancer(environ, startResponse) {
    const choice = balancing.choiceOf(environ);
    const request = maker.requestOf(environ, hasBase);
    if (isPromise(request)) return request.then((made) => send(environ, startResponse, made, choice));
    return send(environ, startResponse, request, choice);
  };

  const status = (): BalancerStatus => statusOf(balancing);
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
        events.tell({ type: "sourceFailed", error });
      },
    });
  } else update(targets);
  return Object.assign(outer, {
    update,
    drain(url: string, how: DrainOptions = {}) {
      checkOptions("drain of balancer", how, DRAIN_OPTIONS);
      return balancing.peers.drain(url, how.deadline);
    },
    status,
    page: statusPage(status),
    async close(how: DrainOptions = {}) {
      checkOptions("close of balancer", how, DRAIN_OPTIONS);
      following?.stop();
      balancing.isAwaitingTargets = false;
      balancing.room.close();
      await balancing.peers.close(how.deadline);
    },
  });
}
