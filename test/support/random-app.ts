/** Random apps, each with the response that a client has to get, computed from its plan alone. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { sse } from "../../middleware/sse.ts";
import { fromFetch } from "../../src/adapters/from-fetch.ts";
import { fromNode } from "../../src/adapters/from-node.ts";
import type { App, Body, StatusLine } from "../../src/gateway.ts";
import type { Random } from "./random.ts";

/** How a response ends for a client that stays: whole, as a 500, or cut off. */
export type Ending = "whole" | "error" | "cut";

/** What a client has to get. */
export interface Expected {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly ending: Ending;
  /** Whether it fails between its head and its first chunk: a layer that drops refused bodies may not even see that. */
  readonly failsAtOnce: boolean;
}

export interface RandomApp {
  readonly app: App;
  readonly expected: Expected;
  /** In one line, for messages. */
  readonly plan: string;
  /** How many bodies that want closing it has made, less those that were closed: 0 once all is over. */
  readonly open: () => number;
}

const STATUSES: readonly StatusLine[] = ["200 OK", "200 OK", "201 Created", "404 Not Found", "405 Method Not Allowed"];
const TYPES = ["text/plain", "application/octet-stream", "text/html"];
const STYLES = [
  "chunk",
  "list",
  "iterable",
  "async iterable",
  "generator",
  "async generator",
  "write",
  "write and body",
  "writing generator",
  "node stream",
  "web stream",
  "node handler",
  "node handler in a timer",
  "node handler piping",
  "fetch handler",
  "fetch handler streaming",
  "event stream",
] as const;
type Style = (typeof STYLES)[number];

/** Where it fails: nowhere, before its head, or before this chunk. */
type Fault = "none" | "before" | number;

export const BOOM = "boom";

/** Makes a random app. */
export function randomApp(random: Random): RandomApp {
  const style = random.pick(STYLES);
  const status = random.pick(STATUSES);
  // A tag that lies across two events is not one.
  const type = random.pick(style === "event stream" ? TYPES.slice(0, 2) : TYPES);
  const count = random.below(5);
  const chunks = type === "text/html" ? randomPage(random, count) : randomChunks(random, count);
  const canFailAmid = style !== "chunk" && style !== "list" && style !== "fetch handler" && chunks.length > 0;
  const fault: Fault = random.chance(0.6)
    ? "none"
    : canFailAmid && random.chance(0.6)
      ? random.below(chunks.length)
      : "before";
  const isSlow = random.chance(0.3);
  const ledger = { made: 0, closed: 0 };
  const plan = JSON.stringify({ style, status, type, chunks, fault, isSlow });
  const pause = () => (isSlow ? sleep(random.below(3)) : undefined);
  const app = build(style, { status, type, chunks, fault, pause, ledger });
  return {
    app,
    plan,
    expected:
      style === "event stream" ? streamOf(status, type, chunks, fault) : expectation(status, type, chunks, fault),
    open: () => ledger.made - ledger.closed,
  };
}

function randomChunks(random: Random, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}${"x".repeat(random.below(20))}`);
}

/** A page in so many chunks, which end anywhere in its tags. */
function randomPage(random: Random, count: number): string[] {
  if (count === 0) return [];
  const content = Array.from({ length: random.below(4) }, (_, index) =>
    random.pick([`<p>${index}</p>`, `<a href="/${index}">x</a>`, "x".repeat(random.below(20)), "<br>"]),
  );
  const page = `<html><head></head><body>${content.join("")}${random.pick(["</body></html>", ""])}`;
  const cuts = Array.from({ length: count - 1 }, () => random.below(page.length)).sort((a, b) => a - b);
  return [0, ...cuts].map((start, index) => page.slice(start, cuts[index])).filter((chunk) => chunk !== "");
}

function expectation(status: StatusLine, type: string, chunks: readonly string[], fault: Fault): Expected {
  const failed = { status: 500, type: "text/plain", body: "", ending: "error", failsAtOnce: fault === 0 } as const;
  // Nothing is sent before the first chunk that is not empty.
  if (fault === "before" || fault === 0) return failed;
  const code = Number(status.slice(0, 3));
  if (fault === "none") return { status: code, type, body: chunks.join(""), ending: "whole", failsAtOnce: false };
  return { status: code, type, body: chunks.slice(0, fault).join(""), ending: "cut", failsAtOnce: false };
}

/** Of an event stream something is sent before the first event. */
function streamOf(status: StatusLine, type: string, chunks: readonly string[], fault: Fault): Expected {
  const texts = [":\n\n", ...chunks.map((chunk) => `data: ${chunk}\n\n`)];
  return expectation(status, type, texts, typeof fault === "number" ? fault + 1 : fault);
}

interface Plan {
  readonly status: StatusLine;
  readonly type: string;
  readonly chunks: readonly string[];
  readonly fault: Fault;
  pause(): Promise<unknown> | undefined;
  readonly ledger: { made: number; closed: number };
}

function boom(): never {
  throw new Error(BOOM);
}

function build(style: Style, plan: Plan): App {
  const { status, type, chunks, fault, pause, ledger } = plan;
  const headers = [["Content-Type", type]] as const;
  const failAt = (index: number): void => {
    if (fault === index) boom();
  };
  const counted = <T extends object>(body: T): T => {
    ledger.made++;
    return Object.assign(body, {
      close() {
        ledger.closed++;
      },
    });
  };
  const starting =
    (body: () => Body | Promise<Body>): App =>
    (_environ, startResponse) => {
      if (fault === "before") boom();
      startResponse(status, headers);
      return body();
    };
  switch (style) {
    case "chunk":
      return starting(() => chunks.join(""));
    case "list":
      return async (environ, startResponse) => {
        await pause();
        return starting(() => [...chunks])(environ, startResponse);
      };
    case "iterable":
      return starting(() => counted({ [Symbol.iterator]: () => failing(chunks, failAt) }));
    case "async iterable":
      return starting(() =>
        counted({
          [Symbol.asyncIterator]: () => {
            const inner = failing(chunks, failAt);
            return {
              async next() {
                await pause();
                return inner.next();
              },
            };
          },
        }),
      );
    case "generator":
      return function* (_environ, startResponse) {
        if (fault === "before") boom();
        startResponse(status, headers);
        ledger.made++;
        try {
          yield* { [Symbol.iterator]: () => failing(chunks, failAt) };
        } finally {
          ledger.closed++;
        }
      };
    case "async generator":
      return async function* (_environ, startResponse) {
        await pause();
        if (fault === "before") boom();
        startResponse(status, headers);
        ledger.made++;
        try {
          for (const [index, chunk] of chunks.entries()) {
            await pause();
            failAt(index);
            yield chunk;
          }
        } finally {
          ledger.closed++;
        }
      };
    case "write":
      return async (_environ, startResponse) => {
        await pause();
        if (fault === "before") boom();
        const write = startResponse(status, headers);
        for (const [index, chunk] of chunks.entries()) {
          failAt(index);
          await write(chunk);
          await pause();
        }
        return undefined;
      };
    case "write and body":
      return async (_environ, startResponse) => {
        if (fault === "before") boom();
        const write = startResponse(status, headers);
        const half = Math.floor(chunks.length / 2);
        for (const [index, chunk] of chunks.slice(0, half).entries()) {
          failAt(index);
          void write(chunk);
        }
        await pause();
        return counted({
          [Symbol.iterator]: () => failing(chunks.slice(half), (index) => failAt(index + half)),
        });
      };
    case "writing generator":
      return async function* (_environ, startResponse) {
        if (fault === "before") boom();
        const write = startResponse(status, headers);
        ledger.made++;
        try {
          for (const [index, chunk] of chunks.entries()) {
            failAt(index);
            if (index % 2 === 0) await write(chunk);
            else yield chunk;
          }
        } finally {
          ledger.closed++;
        }
      };
    case "node stream":
      return starting(() => Readable.from(pausing(chunks, failAt, pause)));
    case "web stream":
      return starting(() => webStream(chunks, failAt, pause));
    case "node handler":
      return fromNode((_request, response) => answerNode(plan, response, failAt));
    case "node handler in a timer":
      return fromNode(async (_request: IncomingMessage, response: ServerResponse) => {
        await sleep(1);
        answerNode(plan, response, failAt);
      });
    case "node handler piping":
      return fromNode((_request, response) => {
        if (fault === "before") boom();
        const stream = Readable.from(pausing(chunks, failAt, pause));
        response.writeHead(Number(status.slice(0, 3)), { "Content-Type": type });
        stream.on("error", (error) => response.destroy(error));
        stream.pipe(response);
      });
    case "fetch handler":
      return fromFetch(async () => {
        await pause();
        if (fault === "before") boom();
        return new Response(chunks.join(""), { status: Number(status.slice(0, 3)), headers: { "Content-Type": type } });
      });
    case "event stream":
      return (environ, startResponse) => {
        if (fault === "before") boom();
        const events = counted({ [Symbol.asyncIterator]: () => pausing(chunks, failAt, pause) });
        return sse(events)(environ, (_status, _headers, error) => startResponse(status, headers, error));
      };
    case "fetch handler streaming":
      return fromFetch(() => {
        if (fault === "before") boom();
        return new Response(webStream(chunks, failAt, pause), {
          status: Number(status.slice(0, 3)),
          headers: { "Content-Type": type },
        });
      });
  }
}

function answerNode({ status, type, chunks, fault }: Plan, response: ServerResponse, failAt: (index: number) => void) {
  if (fault === "before") boom();
  response.statusCode = Number(status.slice(0, 3));
  response.setHeader("Content-Type", type);
  for (const [index, chunk] of chunks.entries()) {
    failAt(index);
    response.write(chunk);
  }
  response.end();
}

function failing(chunks: readonly string[], failAt: (index: number) => void): Iterator<string> {
  let index = 0;
  return {
    next() {
      if (index === chunks.length) return { done: true, value: undefined };
      failAt(index);
      return { done: false, value: chunks[index++] as string };
    },
  };
}

async function* pausing(chunks: readonly string[], failAt: (index: number) => void, pause: () => unknown) {
  for (const [index, chunk] of chunks.entries()) {
    await pause();
    failAt(index);
    yield chunk;
  }
}

function webStream(
  chunks: readonly string[],
  failAt: (index: number) => void,
  pause: () => unknown,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const inner = failing(chunks, failAt);
  return new ReadableStream({
    async pull(controller) {
      await pause();
      const step = inner.next();
      if (step.done) controller.close();
      else controller.enqueue(new TextEncoder().encode(step.value));
    },
  });
}
