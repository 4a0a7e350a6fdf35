/**
 * Handlers that answer late, on every kind of server, bare and inside other layers, while clients leave: whatever they do,
 * the process lives on, a client that left is not an error, and an error is reported once.
 */

import assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { cascade } from "../../../middleware/cascade.ts";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { transform } from "../../../middleware/transform.ts";
import { toFetch } from "../../../src/adapters/to-fetch.ts";
import { toNode } from "../../../src/adapters/to-node.ts";
import { notFound } from "../../../src/apps.ts";
import type { App } from "../../../src/gateway.ts";
import { serve } from "../../../src/server/serve.ts";
import { type Case, cases, EARLY } from "./late-handlers.ts";

/** Time for everything to come to its end. */
const END = 400;

const LAYERS: Record<string, (app: App) => App> = {
  bare: (app) => app,
  "in transform": (app) => transform(app, (response) => response),
  "in cascade": (app) => cascade([notFound, app]),
  "in a generator": (app) =>
    async function* layer(environ, startResponse) {
      const body = await app(environ, startResponse);
      if (body !== undefined && body !== null)
        yield* typeof body === "string" || body instanceof Uint8Array ? [body] : body;
    },
};

interface Host {
  readonly port: number;
  close(): Promise<unknown>;
}

async function listening(listener: http.RequestListener): Promise<Host> {
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

type Errors = { write(text: string): void };

const HOSTS: Record<string, (app: App, errors: Errors) => Promise<Host>> = {
  async serve(app, errors) {
    const server = await serve(app, { port: 0, errors });
    return { port: server.port, close: () => server.close({ grace: 0 }) };
  },
  toNode: (app, errors) => listening(toNode(app, { errors })),
  toFetch(app, errors) {
    const fetch = toFetch(app, { errors });
    return listening(async (request, response) => {
      const client = new AbortController();
      response.on("close", () => client.abort());
      try {
        const answer = await fetch(new Request(`http://a${request.url}`, { signal: client.signal }));
        response.writeHead(answer.status);
        if (answer.body === null) response.end();
        else await pipeline(answer.body, response);
      } catch {
        response.destroy();
      }
    });
  },
};

type Leaving = "before the head" | "amid the body" | "after the end";

/** What a client sees that leaves then. */
function ask(port: number, path: string, leaving: Leaving): Promise<number | "cut" | "left"> {
  return new Promise((resolve) => {
    const request = http.get({ port, path, agent: false }, (response) => {
      response.on("data", () => {
        if (leaving === "amid the body") {
          request.destroy();
          resolve("left");
        }
      });
      response.on("error", () => resolve("cut"));
      response.on("end", () => resolve(response.statusCode as number));
    });
    request.on("error", () => resolve("cut"));
    if (leaving !== "before the head") return;
    setTimeout(() => {
      request.destroy();
      resolve("left");
    }, EARLY);
  });
}

/** What was reported of each case, a line each. */
function reportsOf(log: readonly string[]): Map<string, string[]> {
  const reports = new Map<string, string[]>();
  for (const text of log) {
    const name = /^GET \/([^/ ]+)\/: /.exec(text)?.[1] ?? "?";
    reports.set(name, [...(reports.get(name) ?? []), text.split("\n")[0] as string]);
  }
  return reports;
}

/** Whether a client saw what it should, and each error was reported once: where it left, only those that came anyway. */
function isRight({ answer, errors }: Case, seen: unknown, reported: readonly string[]): boolean {
  if (seen === "left")
    return reported.every((line) => errors.some((error) => error.test(line))) && reported.length <= 2;
  return (
    seen === answer &&
    reported.length === errors.length &&
    errors.every((error, index) => error.test(reported[index] as string))
  );
}

for (const [host, open] of Object.entries(HOSTS)) {
  for (const [layer, wrap] of Object.entries(LAYERS)) {
    for (const leaving of ["before the head", "amid the body", "after the end"] as const) {
      test(`departures: on ${host}, ${layer}, clients that leave ${leaving}`, async (t) => {
        const crashes: unknown[] = [];
        const crash = (error: unknown) => void crashes.push(error);
        process.on("uncaughtException", crash).on("unhandledRejection", crash);
        t.after(() => process.off("uncaughtException", crash).off("unhandledRejection", crash));
        const log: string[] = [];
        const mounts = Object.entries(cases).map(([name, { app }]) => [`/${name}`, wrap(app)]);
        const { port, close } = await open(dispatcher(notFound, Object.fromEntries(mounts)), {
          write: (text) => log.push(text),
        });
        t.after(close);
        const names = Object.keys(cases);
        const seen = await Promise.all(
          names.map((name) =>
            Promise.race([ask(port, `/${encodeURI(name)}/`, leaving), sleep(END * 20).then(() => "hangs")]),
          ),
        );
        await sleep(END);
        assert.deepEqual(crashes, []);
        const reports = reportsOf(log);
        const wrong = names.filter(
          (name, index) => !isRight(cases[name] as Case, seen[index], reports.get(name) ?? []),
        );
        const shown = wrong.map((name) => [name, seen[names.indexOf(name)], reports.get(name)]);
        assert.deepEqual(shown, []);
        assert.deepEqual(reports.get("?"), undefined);
      });
    }
  }
}
