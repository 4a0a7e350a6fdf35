/** One exchange with a target, from the client's request to the end of its response. */

import { closeBody } from "../../src/body/reader.ts";
import { clientGone, codeOf, isClientGone, TsgiError } from "../../src/errors.ts";
import { escapeControls } from "../../src/escape.ts";
import { reportError } from "../../src/exchange/report.ts";
import type { Body, Environ, HeaderList, StartResponse, StatusLine } from "../../src/gateway.ts";
import { getHeader, headerPairs } from "../../src/http/headers.ts";
import { reasonOf } from "../../src/http/status.ts";
import { mayBeTrailer } from "../../src/http/trailers.ts";
import { callOut } from "../../src/promise.ts";
import type { ReturnOptions } from "./options.ts";
import {
  type Answer,
  type AttemptListener,
  type Ending,
  type Failure,
  failure,
  isTargetFailure,
  type Outcome,
  type Switched,
  type Trailing,
} from "./outcome.ts";
import { refusalOf } from "./refusals.ts";
import { type Return, returnedHeaders } from "./response-headers.ts";
import type { Target } from "./target.ts";
import { Tunnel } from "./tunnel.ts";
import type { Attempt, UpstreamRequest } from "./upstream-request.ts";

/** How attempts are made: once, again, or elsewhere. */
export interface Strategy {
  /** Starts the next attempt; undefined where the last failure is final. */
  attempt(last: Failure | undefined, listener: AttemptListener): Started | undefined;
}

/** An attempt that was started. A strategy that makes several at once gives one that stands for them. */
export interface Started {
  readonly attempt: Attempt;
  /** Where the outcome comes from: looked at when it is there. Undefined where it is still to be chosen. */
  readonly target: Target | undefined;
}

/** One whose target has answered. */
interface Answering extends Started {
  readonly target: Target;
}

/** A reason phrase that may be sent (RFC 9112 §4). Undici reads it as UTF-8, so some are lost. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What `startResponse` refuses a response of a target for. */
const MALFORMED: ReadonlySet<string> = new Set(["TSGI_BAD_HEADER", "TSGI_BAD_STATUS", "TSGI_HOP_BY_HOP"]);

const LATE = new TsgiError("TSGI_GATEWAY_TIMEOUT", "the exchange with the target has passed its deadline");

/** Run makes attempts until one has an outcome that counts, and gives it to the client. */
export class Run implements AttemptListener {
  /** What the app returns. */
  readonly body: Promise<Body>;
  readonly #environ: Environ;
  readonly #startResponse: StartResponse;
  readonly #request: UpstreamRequest;
  readonly #options: ReturnOptions;
  /** By which name `Via` tells of the proxy; empty for none. */
  readonly #pseudonym: string;
  readonly #strategy: Strategy;
  #resolve!: (body: Body | Promise<Body>) => void;
  #reject!: (error: unknown) => void;
  #current: Started | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #isLate = false;
  #isGone = false;
  #trailing: Trailing | undefined;

  constructor(
    environ: Environ,
    startResponse: StartResponse,
    request: UpstreamRequest,
    options: ReturnOptions,
    pseudonym: string,
    strategy: Strategy,
  ) {
    this.#environ = environ;
    this.#startResponse = startResponse;
    this.#request = request;
    this.#options = options;
    this.#pseudonym = pseudonym;
    this.#strategy = strategy;
    this.body = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (options.deadline > 0) this.#deadline = setTimeout(() => this.#tooLate(), options.deadline);
    this.#next(undefined);
    environ["tsgi.exchange"].onAbort?.(() => this.#left());
  }

  #next(last: Failure | undefined): void {
    const started = this.#strategy.attempt(last, this);
    if (started !== undefined) this.#current = started;
    else this.#refuse(last as Failure);
  }

  #left(): void {
    this.#isGone = true;
    this.#current?.attempt.abort(clientGone());
  }

  #tooLate(): void {
    this.#isLate = true;
    this.#current?.attempt.abort(LATE);
  }

  onOutcome(outcome: Outcome): void {
    if (outcome.isAnswer) this.#answer(outcome);
    else if (outcome.reason === "aborted" || this.#isGone || this.#isLate) this.#aborted();
    else this.#next(outcome);
  }

  onOver(ending: Ending): void {
    clearTimeout(this.#deadline);
    const lines = this.#trailing?.trailers;
    if (ending === "whole" && lines !== undefined && lines.length > 0) this.#addTrailers(headerPairs(lines));
  }

  /** Before the body that was received has been read to its end. Lines that are malformed are left out, all of them. */
  #addTrailers(lines: HeaderList): void {
    const { addTrailers } = this.#environ["tsgi.exchange"];
    callOut(
      () => addTrailers?.(lines.filter(([name]) => mayBeTrailer(name))),
      () => {},
    );
  }

  onInformation(status: number, lines: readonly string[]): void {
    const { inform } = this.#environ["tsgi.exchange"];
    if (status !== 103 || !this.#options.earlyHints || inform === undefined) return;
    if (this.#environ.SERVER_PROTOCOL === "HTTP/1.0") return;
    // A malformed one is left out.
    callOut(
      () => inform("103 Early Hints", returnedHeaders(lines, { ...this.#return("1.1"), via: "" })),
      () => {},
    );
  }

  onSwitch(switched: Switched): void {
    clearTimeout(this.#deadline);
    const protocol = getHeader(headerPairs(switched.lines as string[]), "Upgrade") ?? this.#request.upgrade ?? "";
    const tunnel = new Tunnel(switched, protocol, this.#options.upgradeTimeout);
    try {
      const { onUpgrade } = this.#environ["tsgi.exchange"];
      if (onUpgrade === undefined) throw clientGone();
      onUpgrade((connection, headers) => tunnel.open(connection, headers));
      this.#startResponse("101 Switching Protocols", returnedHeaders(switched.lines, this.#return("1.1")));
      this.#resolve(tunnel.asBody);
    } catch (error) {
      tunnel.close();
      this.#notStarted(error);
    }
  }

  #answer(answer: Answer): void {
    const { status, reason, lines, version, body, isQuiet } = answer;
    const phrase = REASON.test(reason) ? reason : reasonOf(status);
    try {
      this.#startResponse(`${status} ${phrase}` as StatusLine, returnedHeaders(lines, this.#return(version)));
    } catch (error) {
      callOut(
        () => closeBody(body),
        (closing) => reportError(this.#environ, closing),
      );
      this.#notStarted(error);
      return;
    }
    this.#trailing = answer.trailing;
    if (isQuiet) this.#environ["tsgi.exchange"].flush?.();
    this.#resolve(body);
  }

  /** `startResponse` has refused what the target has sent, or a layer has failed. */
  #notStarted(error: unknown): void {
    if (MALFORMED.has(codeOf(error))) this.#refuse(failure("head", "malformed", error));
    else this.#reject(error);
  }

  /** `version` is that of HTTP on the connection to the target (RFC 9110 §7.6.3). */
  #return(version: string): Return {
    const { target } = this.#current as Answering;
    const { mapPaths, cookieDomain } = this.#options;
    const host = this.#request.host ?? target.authority;
    const via = this.#pseudonym === "" ? "" : `${version} ${this.#pseudonym}`;
    return { target, host, environ: this.#environ, mapsPaths: mapPaths, cookieDomain, via };
  }

  #aborted(): void {
    const phase = this.#current?.target === undefined ? "queue" : "head";
    if (this.#isLate) this.#refuse(failure(phase, "timeout", LATE));
    else {
      clearTimeout(this.#deadline);
      this.#reject(clientGone());
    }
  }

  #refuse(failed: Failure): void {
    clearTimeout(this.#deadline);
    const { reason, error } = failed;
    if (reason === "upload" && (isClientGone(error) || codeOf(error).startsWith("TSGI_"))) {
      this.#reject(error);
      return;
    }
    if (isTargetFailure(failed) || failed.isStale || reason === "continue") this.#report(failed);
    try {
      this.#resolve(refusalOf(failed)(this.#environ, this.#startResponse));
    } catch (refusalError) {
      this.#reject(refusalError);
    }
  }

  /** A line in the log, as of files and programs: it is not the app that has failed. */
  #report({ phase, reason, error }: Failure): void {
    const { REQUEST_METHOD, REQUEST_URI, "tsgi.errors": errors } = this.#environ;
    const why = error instanceof Error ? error.message : String(error);
    const line = `${REQUEST_METHOD} ${REQUEST_URI}: ${this.#current?.target?.url}: ${reason} (${phase}): ${why}`;
    callOut(
      () => errors.write(`${escapeControls(line)}\n`),
      () => {},
    );
  }
}
