/** The options that `proxy` and `balancer` have in common. */

import { isHostField } from "../../src/http/url.ts";
import { BOOLEAN, count, either, type Kind, type Kinds, listOf, OBJECT, oneOf, STRING } from "../../src/options.ts";
import type { Http2, TlsOptions } from "./connect.ts";
import type { Trust } from "./forwarded.ts";
import type { PoolOptions } from "./pool.ts";
import type { AttemptLimits } from "./reception.ts";

/** How requests go to a target, and responses come back. Durations are milliseconds, sizes bytes. */
export interface UpstreamOptions {
  /**
   * What `Host` tells the target: `"upstream"`, its own host, `"preserve"`, what the client has sent, or a host. Default
   * `"upstream"`. The client's is in `X-Forwarded-Host` in any case.
   */
  host?: string | undefined;
  /**
   * Whose `X-Forwarded-*`, `X-Real-IP` and `Forwarded` are continued: nobody's, everybody's, or those of peers in a list of
   * networks (`"10.0.0.0/8"`). Default `false`: they are replaced, as any client can send them.
   */
  trust?: Trust | undefined;
  /** Whether `Forwarded` (RFC 7239) is sent beside `X-Forwarded-*`. Default `false`. */
  forwarded?: boolean | undefined;
  /**
   * By which name `Via` tells of this proxy; `false` for no `Via`, and no detection of loops. Default `true`: a random name, so
   * that only a request that has come by here before is a loop.
   */
  via?: string | boolean | undefined;
  /**
   * Which path is sent: the canonical one, which the layers around have judged, or, for targets that check signatures of it, the
   * client's own spelling. Default `"canonical"`. With `"raw"`, a target that reads `//`, `/../` or `\` in its own way may
   * take it for another path than a guard before it did.
   */
  path?: "canonical" | "raw" | undefined;
  /**
   * Whether a path with segments that a target could read as `..` is a 400. Default: `"reject"` where the target has a path of its
   * own, which it could lead out of, else `"pass"`.
   */
  dotSegments?: "pass" | "reject" | undefined;
  /**
   * Whether `Location`, `Content-Location` and the paths of cookies, as the target writes them, are mapped to where it is
   * mounted. Default `true`.
   */
  mapPaths?: boolean | undefined;
  /** What the `Domain` of cookies becomes; `""` takes it away. Default: it stays. */
  cookieDomain?: string | undefined;
  /** Whether `103 Early Hints` of the target are passed on. Default `false`. */
  earlyHints?: boolean | undefined;
  /** To which protocols a connection may switch. Default `["websocket"]`. A request for any other is sent as a plain one. */
  upgrade?: readonly string[] | undefined;
  /** How long DNS, TCP and TLS may take together. Default 3000; later is a 504. */
  connectTimeout?: number | undefined;
  /** How long the target may take for the head of its response, once it has the request. 0: any time. Default 60 000; later is a 504. */
  headTimeout?: number | undefined;
  /** How long the target may be silent amid a body, event streams excepted. 0: any time. Default 60 000; later the response is cut. */
  bodyTimeout?: number | undefined;
  /** How long the whole exchange may take, 0: any time. Default 0. Connections that have switched protocols are excepted. */
  deadline?: number | undefined;
  /** How long a connection that has switched protocols may be silent. 0: any time. Default 0. */
  upgradeTimeout?: number | undefined;
  /** How many requests may be under way at a target at once, those that have switched protocols included. Default 1024. */
  connections?: number | undefined;
  /** How many more wait for their turn; one more is a 503. Default 1024. */
  queue?: number | undefined;
  /** How long they wait before they are a 503. Default 10 000. */
  queueTimeout?: number | undefined;
  /**
   * How long a connection waits for its next request, where the target does not say how long it does: less than the target
   * does. 0: each request has a connection of its own. Default 4000.
   */
  keepAliveTimeout?: number | undefined;
  /** After how long a connection is not used again. Default 300 000. */
  maxAge?: number | undefined;
  /** How large the headers of a response may be; larger ones are a 502. Default 32 768. */
  maxResponseHead?: number | undefined;
  /** How large the headers of a request to the target may be; larger ones are a 431. Default 65 536. */
  maxRequestHead?: number | undefined;
  /**
   * Whether HTTP/2 is spoken: `true` where a target offers it by TLS, `"h2c"` to targets without TLS too, which have to understand
   * it from the first byte on. Requests share connections then. It needs undici 8, and so Node 22.19. Default `false`: HTTP/1.1.
   * WebSockets go by HTTP/1.1 in any case.
   */
  http2?: boolean | "h2c" | undefined;
  /** Options for TLS, as `node:tls` has them: `ca`, `cert`, `key`, `servername`. Default: certificates are verified. */
  tls?: TlsOptions | undefined;
}

/** How long what is under way is waited for. */
export interface DrainOptions {
  /** After how many milliseconds what is under way is cut. Default: never. */
  deadline?: number | undefined;
}

const LONGEST = 2 ** 31 - 1;
const DURATION: Kind = count(0, LONGEST);

/** What each may be. */
export const UPSTREAM_OPTIONS: Kinds<UpstreamOptions> = {
  host: {
    expected: '"upstream", "preserve" or a host',
    accepts: (value) => typeof value === "string" && value !== "" && isHostField(value),
  },
  trust: either(BOOLEAN, listOf(STRING)),
  forwarded: BOOLEAN,
  via: either(BOOLEAN, {
    expected: "a name",
    accepts: (value) => typeof value === "string" && /^[\w.\-:]+$/.test(value),
  }),
  path: oneOf("canonical", "raw"),
  dotSegments: oneOf("pass", "reject"),
  mapPaths: BOOLEAN,
  cookieDomain: STRING,
  earlyHints: BOOLEAN,
  upgrade: listOf(STRING),
  connectTimeout: count(1, LONGEST),
  headTimeout: DURATION,
  bodyTimeout: DURATION,
  deadline: DURATION,
  upgradeTimeout: DURATION,
  connections: count(1),
  queue: count(0),
  queueTimeout: count(1, LONGEST),
  keepAliveTimeout: DURATION,
  maxAge: count(0),
  maxResponseHead: count(1024),
  maxRequestHead: count(1024),
  http2: either(BOOLEAN, oneOf("h2c")),
  tls: OBJECT,
};

/** What each may be. */
export const DRAIN_OPTIONS: Kinds<DrainOptions> = { deadline: count(0, LONGEST) };

/** How requests are made. */
export interface ForwardingOptions {
  readonly host: string;
  readonly trust: Trust;
  readonly forwarded: boolean;
  readonly via: string | boolean;
  readonly path: "canonical" | "raw";
  readonly dotSegments: "pass" | "reject" | undefined;
  readonly upgrade: readonly string[];
  readonly maxRequestHead: number;
}

/** How responses are led back. */
export interface ReturnOptions {
  readonly mapPaths: boolean;
  readonly cookieDomain: string | undefined;
  readonly earlyHints: boolean;
  readonly deadline: number;
  readonly upgradeTimeout: number;
}

/** The options with their defaults, by who needs them. */
export interface Settings {
  readonly forwarding: ForwardingOptions;
  readonly returning: ReturnOptions;
  readonly pool: PoolOptions;
  readonly limits: AttemptLimits;
}

/** settingsOf fills in the defaults of options that were checked. */
export function settingsOf(options: UpstreamOptions): Settings {
  const { host = "upstream", trust = false, forwarded = false, via = true, path = "canonical" } = options;
  const { dotSegments, upgrade = ["websocket"], maxRequestHead = 65_536 } = options;
  const { mapPaths = true, cookieDomain, earlyHints = false, deadline = 0, upgradeTimeout = 0 } = options;
  const { connections = 1024, queue = 1024, queueTimeout = 10_000, connectTimeout = 3000 } = options;
  const { keepAliveTimeout = 4000, maxAge = 300_000, maxResponseHead = 32_768, tls = {} } = options;
  const http2: Http2 = options.http2 ?? false;
  const { headTimeout = 60_000, bodyTimeout = 60_000 } = options;
  return {
    forwarding: { host, trust, forwarded, via, path, dotSegments, upgrade, maxRequestHead },
    returning: { mapPaths, cookieDomain, earlyHints, deadline, upgradeTimeout },
    pool: {
      connections,
      queue,
      queueTimeout,
      connectTimeout,
      keepAliveTimeout,
      maxAge,
      maxHeadSize: maxResponseHead,
      tls,
      http2,
    },
    limits: { headTimeout, bodyTimeout },
  };
}
