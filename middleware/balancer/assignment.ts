/** One attempt of a balancer: a request waits for a target, and is sent there. */

import type { Socket } from "node:net";
import { TsgiError } from "../../src/errors.ts";
import { startAttempt } from "../proxy/attempt.ts";
import {
  type AttemptListener,
  type Ending,
  failure,
  type Outcome,
  type Reason,
  type Switched,
} from "../proxy/outcome.ts";
import type { Started } from "../proxy/run.ts";
import type { Target } from "../proxy/target.ts";
import type { Attempt, UpstreamRequest } from "../proxy/upstream-request.ts";
import type { Balancing } from "./balancing.ts";
import type { Choice } from "./choices.ts";
import type { Peer } from "./peer.ts";
import type { Waiter } from "./waiting-room.ts";

/** What is settled before an attempt. */
export interface AssignmentOptions {
  /** Where it goes; undefined to choose, or wait. */
  readonly peer: Peer | undefined;
  /** Whether it needs a new connection. */
  readonly isNew: boolean;
  /** Whether it was taken out of the budget for retries. */
  readonly isBudgeted: boolean;
  /** The target that the client is held to, which is chosen as long as it may get requests. */
  readonly held: Peer | undefined;
}

export class Assignment implements Started, Attempt, AttemptListener, Waiter {
  readonly #balancing: Balancing;
  readonly #request: UpstreamRequest;
  readonly #choice: Choice;
  readonly #listener: AttemptListener;
  readonly #options: AssignmentOptions;
  #peer: Peer | undefined;
  #attempt: Attempt | undefined;
  #began = 0;
  #isTrial = false;
  #isAborted = false;
  #hasFailed = false;
  #hasAnswered = false;
  /** Why it was cut, although somebody waits for it. */
  #cut: Error | undefined;
  #socket: Socket | undefined;

  constructor(
    balancing: Balancing,
    request: UpstreamRequest,
    choice: Choice,
    listener: AttemptListener,
    options: AssignmentOptions,
  ) {
    this.#balancing = balancing;
    this.#request = request;
    this.#choice = choice;
    this.#listener = listener;
    this.#options = options;
    const peer = options.peer ?? this.#choose();
    if (peer !== undefined) this.#send(peer);
    else if (!balancing.isAwaitingTargets && balancing.peers.eligible(balancing.now()).length === 0)
      queueMicrotask(() => this.#refused("full", "there is no target"));
    else if (!balancing.room.enter(this))
      queueMicrotask(() => this.#refused("full", "all targets have too many requests"));
  }

  get attempt(): Attempt {
    return this;
  }

  get target(): Target | undefined {
    return this.#peer?.target;
  }

  /** Whether nobody waits for it any more. */
  get isAborted(): boolean {
    return this.#isAborted;
  }

  /** The target, once it has answered. */
  get answeredBy(): Peer | undefined {
    return this.#hasAnswered ? this.#peer : undefined;
  }

  get peer(): Peer | undefined {
    return this.#peer;
  }

  /** Whether all of the request is there, so that it is the target alone which takes time. */
  get #isWhole(): boolean {
    return this.#request.body === undefined || this.#request.body.bytes !== undefined;
  }

  #choose(): Peer | undefined {
    const isRepeatable = this.#isWhole && this.#balancing.retryMethods.has(this.#request.method);
    return this.#balancing.first(this.#choice, isRepeatable, this.#options.held);
  }

  begin(): void {
    const peer = this.#choose();
    if (peer === undefined) queueMicrotask(() => this.#refused("full", "all targets have too many requests"));
    else this.#send(peer);
  }

  tooLate(): void {
    this.#refused("timeout", "all targets are busy");
  }

  #send(peer: Peer): void {
    this.#peer = peer;
    this.#began = this.#balancing.now();
    if (peer.ejection.standing(this.#began) === "trial") {
      this.#isTrial = true;
      peer.isOnTrial = true;
    }
    peer.underWay.add(this);
    this.#attempt = startAttempt(peer.pool, this.#request, this.#balancing.limits, this, this.#options.isNew);
  }

  #refused(reason: Reason, why: string): void {
    const error = new TsgiError("TSGI_OVERLOADED", why);
    this.#tell(failure("queue", reason, error, { isUnsent: true }));
  }

  #tell(outcome: Outcome): void {
    if (this.#options.isBudgeted) this.#balancing.budget.done();
    this.#listener.onOutcome(outcome);
  }

  abort(error: Error): void {
    this.#isAborted = true;
    if (this.#attempt !== undefined) this.#attempt.abort(error);
    else if (this.#balancing.room.leave(this))
      queueMicrotask(() => this.#tell(failure("queue", "aborted", error, { isUnsent: true })));
  }

  /** Ends it with its target, which is waited for no longer. It may be sent to another one. */
  cut(error: Error): void {
    this.#cut = error;
    if (this.#socket !== undefined) this.#socket.destroy();
    else this.#attempt?.abort(error);
  }

  onOutcome(outcome: Outcome): void {
    const peer = this.#peer as Peer;
    this.#endTrial();
    if (!outcome.isAnswer) peer.underWay.delete(this);
    if (this.#cut !== undefined && !outcome.isAnswer && !this.#isAborted) {
      this.#tell(failure("head", "reset", this.#cut, { isUnsent: outcome.isUnsent }));
      return;
    }
    const { failures } = peer;
    this.#hasAnswered = outcome.isAnswer;
    if (this.#isAborted && !outcome.isAnswer) this.#balancing.givenUp(peer, this.#began, this.#isWhole);
    else this.#balancing.judge(peer, outcome, this.#began, this.#isWhole);
    this.#hasFailed = peer.failures > failures;
    this.#tell(outcome);
  }

  onOver(ending: Ending): void {
    const peer = this.#peer as Peer;
    peer.underWay.delete(this);
    if (this.#hasFailed || this.#isAborted || this.#cut !== undefined) {
      // It has been judged, or it was not the target that has ended it.
    } else if (ending === "whole") this.#balancing.succeeded(peer, this.#began);
    // A body that the client did not send to its end cuts the response as well.
    else if (ending === "cut" && this.#isWhole) this.#balancing.failed(peer);
    this.#listener.onOver(ending);
  }

  onInformation(status: number, lines: readonly string[]): void {
    this.#listener.onInformation?.(status, lines);
  }

  onSwitch(switched: Switched): void {
    const peer = this.#peer as Peer;
    this.#endTrial();
    this.#socket = switched.socket;
    peer.answers++;
    this.#hasAnswered = true;
    this.#balancing.succeeded(peer, this.#began);
    // How a connection ends that has switched protocols says nothing of the target.
    this.#hasFailed = true;
    if (this.#options.isBudgeted) this.#balancing.budget.done();
    this.#listener.onSwitch?.(switched);
  }

  #endTrial(): void {
    if (this.#isTrial && this.#peer !== undefined) this.#peer.isOnTrial = false;
  }
}
