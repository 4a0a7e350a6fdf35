/**
 * Answers with events, one after another, as long as the client listens: `EventSource` of a browser.
 *
 * ```ts
 * async function* clock(lastEventId: string | undefined, { "tsgi.exchange": { signal } }: Environ) {
 *   for (let tick = Number(lastEventId ?? 0) + 1; !signal?.aborted; tick++) {
 *     yield { id: String(tick), event: "tick", data: { tick } };
 *     await find(signal);
 *   }
 * }
 *
 * export const app = dispatcher(site, { "/clock": sse(clock, { heartbeat: 10_000 }) });
 * ```
 */

import { toStream } from "../src/body/stream.ts";
import { InnerExchange } from "../src/exchange/inner-exchange.ts";
import { enter } from "../src/exchange/innermost.ts";
import type { App, Body, Environ, HeaderList, StartResponse } from "../src/gateway.ts";
import { prepareHeaders } from "../src/http/field-rules.ts";
import { checkOptions, count, type Kinds } from "../src/options.ts";
import { andThen } from "../src/promise.ts";
import { EventReader } from "./sse/event-reader.ts";
import { checkEvents, closeEvents, type SseEvents } from "./sse/events.ts";
import { isSilentHost, watchHost } from "./sse/host-watch.ts";

export type { SseEvent } from "./sse/event-text.ts";
export type { SseEvents } from "./sse/events.ts";

/**
 * What gives the events of one client: it is called with the id of the last event that the client has got before its connection
 * was lost, undefined for a new client. Nothing in place of events is a 204, after which browsers do not connect again.
 */
export type SseSource = (
  lastEventId: string | undefined,
  environ: Environ,
) => SseEvents | null | undefined | Promise<SseEvents | null | undefined>;

/** How events are sent. */
export interface SseOptions {
  /**
   * After how many milliseconds without an event a comment is sent, which keeps proxies from closing the connection, and tells the
   * server of a client that has gone. Default 15,000; 0 for never.
   */
  heartbeat?: number;
  /** How long clients wait before they connect again, in milliseconds. Default: what the client has, in browsers a few seconds. */
  retry?: number;
}

const KINDS: Kinds<SseOptions> = { heartbeat: count(0, 2 ** 31 - 1), retry: count() };

/** The last one is for nginx, which holds responses back. */
const HEADERS: HeaderList = prepareHeaders([
  ["Content-Type", "text/event-stream"],
  ["Cache-Control", "no-store"],
  ["X-Accel-Buffering", "no"],
]);

/**
 * sse makes an app that answers with the events of a `source`: an iterable of them, or a function that gives one for each client.
 * An event is text, or `{ data, event, id, retry, comment }`; data that are not text are sent as JSON. An iterable serves as many
 * clients as it can be iterated, a generator one, so that an app that is mounted takes a function.
 *
 * The head is sent at once, and each event as soon as it is there; layers that hold bytes back, such as `compress` with
 * `eventStreams`, pass them on. The next event is asked for when the client has room for it. When the client leaves, and when the
 * server closes, the iterable is closed (`return`, or `destroy` of a stream). An async generator that waits for something learns of
 * that when the wait is over, so the wait should end with `environ["tsgi.exchange"].signal`. On closing, the response comes to its
 * end, so that clients connect again, and say by `Last-Event-ID` what they have got.
 *
 * A new line in `data` and `comment` goes on in the next one; a CR, an LF or a NUL in `id` or `event` fails with `TSGI_BAD_EVENT`, as it
 * would begin a field of its own. What the function throws is a 500; what the iterable fails with, once the head is out, cuts the
 * connection, after which clients connect again. Every method gets the events.
 *
 * It does not answer those who ask from other origins: `cors` does. Events are not kept: to go on after `lastEventId` is up to the
 * source. Browsers open six connections for each host over HTTP/1.1, so pages in many tabs need HTTP/2.
 *
 * Throws `TSGI_BAD_OPTION`, `TSGI_BAD_EVENT` for a source that is neither. Source: HTML, "Server-sent events".
 */
export function sse(source: SseEvents | SseSource, options: SseOptions = {}): App {
  checkOptions("sse", options, KINDS);
  const { heartbeat = 15_000, retry } = options;
  const eventsFor: SseSource = typeof source === "function" ? source : () => source;
  if (typeof source !== "function") checkEvents(source);
  // Something has to be sent, so that layers which wait for the first chunk pass the head on.
  const opening = retry === undefined ? ":\n\n" : `retry: ${retry}\n\n`;

  function answer(
    events: SseEvents | null | undefined,
    environ: Environ,
    own: InnerExchange | undefined,
    startResponse: StartResponse,
  ): Body {
    if (events === undefined || events === null) {
      startResponse("204 No Content", NO_MORE);
      return undefined;
    }
    checkEvents(events);
    try {
      startResponse("200 OK", HEADERS);
    } catch (error) {
      closeEvents(events, environ);
      throw error;
    }
    const reader = new EventReader(events, opening, heartbeat);
    if (own !== undefined) watchHost(environ["tsgi.exchange"], reader, () => own.leave());
    return toStream(reader);
  }

  return function sse(environ, startResponse) {
    // What a source waits for has to end with such a server, too.
    const own = isSilentHost(environ["tsgi.exchange"]) ? new InnerExchange(environ, () => true) : undefined;
    const inner = own === undefined ? environ : enter({ ...environ, "tsgi.exchange": own });
    const events = eventsFor(lastEventIdOf(environ), inner);
    return andThen(events, (given) => answer(given, environ, own, startResponse));
  };
}

const NO_MORE: HeaderList = prepareHeaders([["Cache-Control", "no-store"]]);

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A browser sends it as UTF-8, of which a header holds the bytes. */
function lastEventIdOf({ HTTP_LAST_EVENT_ID: sent }: Environ): string | undefined {
  if (sent === undefined || /^[\x20-\x7e]*$/.test(sent)) return sent;
  try {
    return utf8.decode(Uint8Array.from(sent, (char) => char.charCodeAt(0)));
  } catch {
    return sent;
  }
}
