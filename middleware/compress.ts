/**
 * Sends responses in fewer bytes.
 *
 * ```ts
 * const rows = Array.from({ length: 500 }, (_, id) => ({ id, name: `user ${id}` }));
 * const users: App = (environ, startResponse) => {
 *   // A page with a secret beside text of a stranger's choice is sent as it is.
 *   if (environ.PATH_INFO === "/tokens") environ["tsgi.state"].compress = false;
 *   return json(rows)(environ, startResponse);
 * };
 *
 * export const app = compress(users, { levels: { br: 5 }, threshold: 512 });
 * ```
 */

import { checkApp } from "../src/apps.ts";
import { closeBody, failAfter } from "../src/body/reader.ts";
import { BoundedMap } from "../src/bounded-map.ts";
import { capture } from "../src/exchange/capture.ts";
import { respond } from "../src/exchange/respond.ts";
import type { App, AppResponse, Environ } from "../src/gateway.ts";
import { addVary } from "../src/http/headers.ts";
import { preferredEncoding } from "../src/http/negotiation.ts";
import { immediate } from "../src/immediate.ts";
import { BOOLEAN, checkOptions, count, FUNCTION, type Kinds, listOf, OBJECT, oneOf } from "../src/options.ts";
import { andThen } from "../src/promise.ts";
import { wrapping } from "../src/wrapping.ts";
import { isEventStream, mayEncode, mayVary, type ResponseHead, type Selection } from "./compress/eligible.ts";
import { encodeResponse } from "./compress/encoded-response.ts";
import { CODINGS, type ContentCoding, type Encoder, encoderOf, levelsOf } from "./compress/encoders.ts";
import { withKnownTag } from "./transform/new-body.ts";

export { isCompressible } from "./compress/eligible.ts";
export type { ContentCoding } from "./compress/encoders.ts";

/** How responses are compressed. */
export interface CompressOptions {
  /**
   * The content codings to offer, the preferred one first among those that a client likes as much. Default `["br", "zstd",
   * "gzip", "deflate"]`; `zstd` is left out where Node does not have it, before 22.15.
   */
  encodings?: readonly ContentCoding[];
  /**
   * The level of each coding: 0 to 11 for `br`, 1 to 22 for `zstd`, 1 to 9 for the others. Default `{ br: 4, zstd: 3, gzip: 4,
   * deflate: 4 }`, and below 8 KiB 3 for `br` and 6 for `gzip` and `deflate`. One level more may double the time: 100 KB of JSON takes 1 ms at `br` 4, 20 ms at 9 and 100 ms at 11.
   */
  levels?: Partial<Record<ContentCoding, number>>;
  /** The smallest body that is compressed, in bytes. Default 1024: what fits into one packet gains nothing. */
  threshold?: number;
  /**
   * Whether the body of a response is worth compressing, in place of `isCompressible` of its `Content-Type`:
   * `({ headers }, environ) => environ.PATH_INFO !== "/raw" && isCompressible(getHeader(headers, "Content-Type"))`.
   */
  filter?: (head: Pick<AppResponse, "status" | "headers">, environ: Environ) => boolean;
  /**
   * Whether `text/event-stream` is compressed, each event flushed by itself. Default `false`: an open stream costs 110 KiB
   * of memory for gzip and more for the others, and events are small.
   */
  eventStreams?: boolean;
  /**
   * Whether responses that may hold a secret are sent as they are: those that set a cookie or are `Cache-Control: no-store`.
   * Default `false`. A page with both a secret and text of an attacker's choice tells the secret by its compressed length
   * (BREACH); an app can also opt out by itself, with `environ["tsgi.state"].compress = false`.
   */
  protectSecrets?: boolean;
}

const KINDS: Kinds<CompressOptions> = {
  encodings: listOf(oneOf(...CODINGS)),
  levels: OBJECT,
  threshold: count(),
  filter: FUNCTION,
  eventStreams: BOOLEAN,
  protectSecrets: BOOLEAN,
};

const LEVELS = {
  br: count(...levelsOf("br")),
  zstd: count(...levelsOf("zstd")),
  gzip: count(...levelsOf("gzip")),
  deflate: count(...levelsOf("deflate")),
};

/**
 * compress encodes the bodies of responses as `Accept-Encoding` asks (RFC 9110 §12.5.3): Brotli, Zstandard, gzip or deflate.
 * It needs Node.
 *
 * Compressed are types that are in the registry as compressible, from a size of 1 KiB. Left alone are parts (206), bodies
 * that are encoded already, and what `Cache-Control: no-transform` of either side forbids. A compressed response has
 * `Content-Encoding` and `Vary: Accept-Encoding`, a strong `ETag` becomes weak, and `Content-Length`, `Accept-Ranges` and
 * digests of the body are replaced or removed. HEAD gets the same headers. A client that accepts no coding at all
 * (`identity;q=0`) gets a 406, and the app is not asked.
 *
 * A body that is there as a whole keeps a `Content-Length`. A stream is compressed while it is sent, and flushed whenever it
 * pauses for 10 ms: a page that is sent in parts shows its parts at once. The head of a stream is sent with its first bytes. One that fails, or is shorter than it declares, is
 * cut and cannot look whole. Of a client that leaves nothing is left running.
 *
 * A request to go on after a part, `If-Range` without a strong tag, gets the whole: its date also stands for the compressed
 * body, of which the app knows no parts.
 *
 * Throws `TSGI_BAD_OPTION`.
 */
export function compress(app: App, options: CompressOptions = {}): App {
  checkApp(app, "compress");
  checkOptions("compress", options, KINDS);
  const { encodings = CODINGS, levels = {}, threshold = 1024 } = options;
  checkOptions("levels of compress", levels, LEVELS);
  const { eventStreams = false, protectSecrets = false } = options;
  const filter = options.filter && immediate("filter of compress", options.filter);
  const encoders = encodings.flatMap((coding) => encoderOf(coding, levels[coding]) ?? []);
  const offered = [...encoders.map(({ coding }) => coding), "identity"];
  const selection: Selection = { filter, eventStreams, protectSecrets };
  const choices = new BoundedMap<string, Choice>(500);

  function choose(header: string | undefined): Choice {
    const known = header === undefined ? UNENCODED : choices.get(header);
    if (known !== undefined) return known;
    const coding = preferredEncoding(header, offered);
    const choice: Choice = {
      encoder: encoders.find((encoder) => encoder.coding === coding),
      isForced: preferredEncoding(header, ["identity"]) === undefined,
      isAcceptable: coding !== undefined,
    };
    choices.set(header as string, choice);
    return choice;
  }

  function encoded(response: AppResponse, environ: Environ, encoder: Encoder, isForced: boolean) {
    if (!mayEncode(response, environ, selection, isForced)) return varied(response, environ);
    const isLive = isEventStream(response);
    return encodeResponse(response, environ, { encoder, threshold: isForced || isLive ? 0 : threshold, isLive });
  }

  function varied<Head extends ResponseHead>(head: Head, environ: Environ): Head {
    if (!mayVary(head, environ, selection)) return head;
    const headers = head.status.startsWith("304 ") ? withKnownTag(head.headers, environ) : head.headers;
    return { ...head, headers: addVary(headers, "Accept-Encoding") };
  }

  const outer: App = function compress(environ, startResponse) {
    const { encoder, isForced, isAcceptable } = choose(environ.HTTP_ACCEPT_ENCODING);
    if (!isAcceptable) return respond(NOT_ACCEPTABLE, startResponse);
    if (encoder === undefined) {
      return app(environ, (status, headers, error) =>
        startResponse(status, varied({ status, headers }, environ).headers, error),
      );
    }
    return andThen(capture(app, withoutLooseRange(environ)), (response) =>
      andThen(
        orClosing(response, () => encoded(response, environ, encoder, isForced)),
        (settled) => respond(settled, startResponse),
      ),
    );
  };
  return wrapping(outer, app);
}

/** How the response to a request may be encoded. */
interface Choice {
  /** Undefined where it is sent as it is. */
  readonly encoder: Encoder | undefined;
  /** Whether the client does not take it as it is. */
  readonly isForced: boolean;
  /** Whether there is a coding that the client takes, "as it is" included. */
  readonly isAcceptable: boolean;
}

const UNENCODED: Choice = { encoder: undefined, isForced: false, isAcceptable: true };

const NOT_ACCEPTABLE: AppResponse = {
  status: "406 Not Acceptable",
  headers: [
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Vary", "Accept-Encoding"],
  ],
  body: "Not Acceptable\n",
};

/**
 * The date of a response, and a weak tag, are also those of its encoded body: what a client has a part of may be either. Only
 * a strong tag tells that it was sent as it is.
 */
function withoutLooseRange(environ: Environ): Environ {
  const { HTTP_IF_RANGE: condition } = environ;
  if (condition === undefined || condition.trim().startsWith('"')) return environ;
  return { ...environ, HTTP_RANGE: undefined, HTTP_IF_RANGE: undefined };
}

/** What a call gives; where it throws, the body is closed, which nobody else knows of then. */
function orClosing<T>({ body }: AppResponse, call: () => T): T | Promise<never> {
  try {
    return call();
  } catch (error) {
    return failAfter(() => closeBody(body), error);
  }
}
