/** How requests, responses and sockets end: the same events in the same order as on a plain Node server. */

import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { finished, pipeline, Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { both, GET, type Handler, type Told } from "../../support/both.ts";

const mine = new Error("mine");

/** Tells every event, as the libraries that wait for the end of a response see it. */
function watch(request: IncomingMessage, response: ServerResponse, told: Told): void {
  const { socket } = request;
  const codeOf = (error: Error | null | undefined) => (error as { code?: string } | null | undefined)?.code ?? error;
  const { errored } = response as ServerResponse & { errored?: unknown };
  request
    .on("aborted", () => told("request aborted"))
    .on("end", () => told("request end"))
    .on("close", () => told("request close", request.destroyed, request.readableEnded));
  response
    .on("finish", () => told("response finish"))
    .on("close", () => {
      const { destroyed, writableFinished, writableEnded } = response;
      told("response close", destroyed, writableFinished, writableEnded, errored, response.socket === socket);
    });
  socket
    .on("error", (error) => told("socket error", error))
    .on("timeout", () => told("socket timeout"))
    .on("close", (hadError) => told("socket close", hadError, socket.destroyed, socket.closed));
  finished(response, (error) => told("finished", codeOf(error)));
}

/** Watches, and does something after a moment. */
function later(act: (request: IncomingMessage, response: ServerResponse, told: Told) => unknown): Handler {
  return (request, response, told) => {
    watch(request, response, told);
    setTimeout(act, 10, request, response, told);
  };
}

const begun =
  (act: (request: IncomingMessage, response: ServerResponse, told: Told) => unknown): Handler =>
  (request, response, told) => {
    response.write("part");
    return later(act)(request, response, told);
  };

const POST = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhe";

for (const [what, handler, sent] of [
  ["response.destroy()", later((_request, response) => response.destroy())],
  ["response.destroy(error)", later((_request, response) => response.destroy(mine))],
  ["request.destroy()", later((request) => request.destroy())],
  ["request.destroy(error)", later((request) => request.destroy(mine))],
  [
    "request.destroy(error), listened for",
    later((request, _response, told) => request.on("error", (error) => told("request error", error)).destroy(mine)),
  ],
  ["request.destroy() amid its body", later((request) => request.resume().destroy()), POST],
  ["socket.destroy()", later(({ socket }) => socket.destroy())],
  ["socket.destroy(error)", later(({ socket }) => socket.destroy(mine))],
  [
    "what is known after response.destroy()",
    later((request, response, told) => {
      response.destroy();
      told(response.destroyed, response.headersSent, response.writableEnded, request.socket.destroyed);
      told(request.socket.writable, request.socket.readyState);
    }),
  ],
  ["response.destroy() amid the body", begun((_request, response) => response.destroy())],
  ["response.destroy(error) amid the body", begun((_request, response) => response.destroy(mine))],
  ["request.destroy(error) amid the body", begun((request) => request.destroy(mine))],
  ["socket.destroy() amid the body", begun(({ socket }) => socket.destroy())],
  ["socket.end() amid the body", begun(({ socket }) => socket.end())],
  [
    "writes after response.destroy()",
    begun((_request, response, told) => {
      response.destroy();
      told(response.write("more", (error) => told((error as { code?: string } | undefined)?.code)));
      told(response.end("last") === response, response.writableEnded);
    }),
  ],
  [
    "a pipeline that fails",
    (request, response, told) => {
      watch(request, response, told);
      pipeline(
        Readable.from(
          (async function* () {
            yield "part";
            await sleep(10);
            throw mine;
          })(),
        ),
        response,
        (error) => told("pipeline", error),
      );
    },
  ],
  ["a second destroy", later((_request, response) => response.destroy().destroy(mine))],
  [
    "response.setTimeout",
    (request, response, told) => {
      response.setTimeout(20).on("timeout", (socket: Socket) => {
        told("timeout", socket === request.socket, socket.timeout);
        response.end("late");
      });
    },
  ],
  [
    "request.setTimeout",
    (request, response, told) => {
      request.setTimeout(20, () => told("request timeout"));
      response.on("timeout", () => {
        told("response timeout");
        response.end("late");
      });
    },
    POST,
  ],
  [
    "a timeout without a handler",
    (request, response, told) => {
      watch(request, response, told);
      request.socket.setTimeout(20, () => told("called back"));
    },
  ],
  [
    "a timeout that is taken back",
    (request, response, told) => {
      response.setTimeout(20, () => told("timeout"));
      request.socket.setTimeout(0);
      setTimeout(() => response.setHeader("Content-Length", 2).end("hi"), 60);
    },
  ],
  [
    "a timeout of a response that goes on",
    (_request, response, told) => {
      response.setTimeout(40, () => told("timeout"));
      let left = 6;
      const timer = setInterval(() => {
        if (left-- > 0) response.write("x");
        else {
          clearInterval(timer);
          response.end();
        }
      }, 15);
    },
  ],
  [
    "listeners once everything is over",
    (_request, response, told) => {
      response.setHeader("Content-Length", 2).end("hi");
      setTimeout(() => {
        told(response.destroyed, response.socket, response.writableFinished);
        finished(response, (error) => told("finished", error));
      }, 20);
    },
  ],
] as [string, Handler, string?][]) {
  test(`lifecycle: ${what} is what it is on a plain Node server`, async (t) => {
    const [plain, ours] = await both(t, handler, sent);
    assert.deepEqual(ours.told, plain.told);
    assert.ok(plain.told.length > 0 || plain.wire === ours.wire);
  });
}

for (const [what, handler, sent = GET] of [
  ["before the head", watch],
  ["amid the body", begun(() => {})],
  [
    "while the response is written to",
    (request, response, told) => {
      watch(request, response, told);
      response.write("part");
      response.on("close", () => {
        told(response.socket?.writable, response.write("more"));
        response.end("late", () => told("never"));
      });
    },
  ],
  [
    "while the request is read",
    async (request, _response, told) => {
      request.on("error", (error) => told("request error", (error as { code?: string }).code, error.message));
      try {
        for await (const _chunk of request);
        told("whole");
      } catch (error) {
        told((error as { code?: string }).code);
      }
    },
    POST,
  ],
] as [string, Handler, string?][]) {
  test(`lifecycle: a client that leaves ${what} is what it is on a plain Node server`, async (t) => {
    const [plain, ours] = await both(t, handler, sent, true);
    assert.deepEqual(ours.told, plain.told);
  });
}
