/** What gives events, step by step, whatever kind of iterable or stream it is. */

import { cancelStream, closeBody } from "../../src/body/reader.ts";
import { TsgiError } from "../../src/errors.ts";
import { reportError } from "../../src/exchange/report.ts";
import type { Body, Environ } from "../../src/gateway.ts";
import type { SseEvent } from "./event-text.ts";

/** Events, one after another: an array, a generator, a stream of Node or of the web in object mode, or what else can be iterated. */
export type SseEvents = Iterable<SseEvent | string> | AsyncIterable<SseEvent | string>;

/** A step that gives an event. */
type Step = IteratorResult<SseEvent | string, unknown>;

/** Events that are being read. */
export interface Steps {
  next(): Step | PromiseLike<Step>;
  /** Closes what is read; `isOver` says that it has come to its end, or failed. */
  close(isOver: boolean): unknown;
}

/** What else a stream has. */
interface Stream {
  on?(event: "error", listener: () => void): unknown;
  destroy?(): unknown;
  close?(): unknown;
  getReader?(): ReadableStreamDefaultReader<SseEvent | string>;
}

/** Throws `TSGI_BAD_EVENT` for what is not events: a string alone too, which would be one event for each letter. */
export function checkEvents(events: unknown): void {
  const isObject = typeof events === "object" && events !== null;
  if (isObject && (Symbol.asyncIterator in events || Symbol.iterator in events || "getReader" in events)) return;
  throw new TsgiError("TSGI_BAD_EVENT", `the events of sse are ${typeof events}`, {
    hint: "Give an iterable, or a function that gives one: async function* (lastEventId, environ) { … }.",
  });
}

/** Begins to read. */
export function stepsOf(events: SseEvents): Steps {
  const { on, destroy, close, getReader } = events as Stream;
  if (typeof getReader === "function") {
    const reader = getReader.call(events);
    return { next: () => reader.read() as Promise<Step>, close: () => cancelStream(reader) };
  }
  const iterator =
    Symbol.asyncIterator in events
      ? (events as AsyncIterable<SseEvent | string>)[Symbol.asyncIterator]()
      : (events as Iterable<SseEvent | string>)[Symbol.iterator]();
  // An error of a Node stream that nobody reads any more would end the process.
  if (typeof on === "function" && typeof destroy === "function") on.call(events, "error", () => {});
  return {
    next: () => iterator.next(),
    close(isOver) {
      if (typeof close === "function") return close.call(events);
      if (typeof destroy === "function") return destroy.call(events);
      return isOver ? undefined : iterator.return?.();
    },
  };
}

/** Closes events that are not going to be read. */
export function closeEvents(events: SseEvents, environ: Environ): void {
  closeBody(events as unknown as Body)?.catch((error) => reportError(environ, error));
}
