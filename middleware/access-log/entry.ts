/** What a line of the access log is made of. */

import { innermostOf, routeOf } from "../../src/exchange/innermost.ts";
import type { Environ, ExchangeEnd } from "../../src/gateway.ts";

/** `AccessLogEntry` is one request and what its client got. Text of the client is as it came: a format escapes it. */
export interface AccessLogEntry {
  /** When the request came to the log, in milliseconds since 1970. */
  readonly time: number;
  /** How long it took until its response was sent, in milliseconds. */
  readonly duration: number;
  /** The address of the client, as the innermost middleware knows it; `""` on a Unix socket. */
  readonly address: string;
  /** The user that a middleware has authenticated; `""` for none. */
  readonly user: string;
  /** The method, the target as sent and the version of HTTP: `"GET /a?b HTTP/1.1"`. */
  readonly request: string;
  readonly method: string;
  /** The target as sent. */
  readonly target: string;
  readonly protocol: string;
  /** The status that was sent; 499, as in nginx, where the client left before that. */
  readonly status: number;
  /** How many bytes of the body were sent. */
  readonly bytes: number;
  /** Whether the whole response was sent, the client has left before, or the server has cut it. */
  readonly outcome: "complete" | "aborted" | "cut";
  /** The mount of the innermost app, its `SCRIPT_NAME`. */
  readonly mount: string;
  /** The patterns of its mounts and route: `"/users/:id"`. */
  readonly route: string;
  readonly host: string;
  readonly referer: string;
  readonly userAgent: string;
  /** The id that `requestId` has given; `""` for none. */
  readonly requestId: string;
  /** The id of its trace, where `traceContext` is around or within; `""` for none. */
  readonly traceId: string;
  /** What the app has failed with, if the response is a 500 or cut for it. */
  readonly error: unknown;
  /** The environ that the innermost app was given; undefined for what was not a request that an app may see. */
  readonly environ: Environ | undefined;
}

/** The status of a client that has left before it got one. */
const CLIENT_GONE = 499;

/** An entry of an exchange. */
export class ExchangeEntry implements AccessLogEntry {
  readonly time: number;
  readonly duration: number;
  readonly environ: Environ;
  readonly #end: ExchangeEnd;

  constructor(environ: Environ, end: ExchangeEnd, time: number, duration: number) {
    this.environ = innermostOf(environ);
    this.#end = end;
    this.time = time;
    this.duration = duration;
  }

  get address(): string {
    return this.environ.REMOTE_ADDR;
  }

  get user(): string {
    return this.environ.REMOTE_USER ?? "";
  }

  get request(): string {
    const { REQUEST_METHOD, REQUEST_URI, SERVER_PROTOCOL } = this.environ;
    return `${REQUEST_METHOD} ${REQUEST_URI} ${SERVER_PROTOCOL}`;
  }

  get method(): string {
    return this.environ.REQUEST_METHOD;
  }

  get target(): string {
    return this.environ.REQUEST_URI;
  }

  get protocol(): string {
    return this.environ.SERVER_PROTOCOL;
  }

  get status(): number {
    return this.#end.status || CLIENT_GONE;
  }

  get bytes(): number {
    return this.#end.bytes;
  }

  get outcome(): AccessLogEntry["outcome"] {
    const { isComplete, isClientGone } = this.#end;
    return isComplete ? "complete" : isClientGone ? "aborted" : "cut";
  }

  get mount(): string {
    return this.environ.SCRIPT_NAME;
  }

  get route(): string {
    return routeOf(this.environ);
  }

  get host(): string {
    return this.environ.HTTP_HOST ?? "";
  }

  get referer(): string {
    return this.environ.HTTP_REFERER ?? "";
  }

  get userAgent(): string {
    return this.environ.HTTP_USER_AGENT ?? "";
  }

  get requestId(): string {
    return textOf(this.environ["tsgi.state"]["request.id"]);
  }

  get traceId(): string {
    return textOf(this.environ["tsgi.state"]["trace.id"]);
  }

  get error(): unknown {
    return this.#end.error;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
