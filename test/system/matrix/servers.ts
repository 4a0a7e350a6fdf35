/** Every server that an app can be on, and a client for each. */

import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import type { AddressInfo, Server } from "node:net";
import express from "express";
import Fastify from "fastify";
import Koa from "koa";
import { toNode } from "../../../src/adapters/to-node.ts";
import type { App } from "../../../src/gateway.ts";
import { serve } from "../../../src/server/serve.ts";
import { certificate } from "../../support/certificate.ts";

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
  /** Leaves as soon as a part of the body has come. */
  readonly leaves?: boolean;
  /** Leaves when it is aborted; only over HTTP/1.1. */
  readonly signal?: AbortSignal;
}

export interface Site {
  /** Rejects where the response does not come to its end. */
  ask(path: string, asked?: Asked): Promise<Answer>;
  close(): Promise<unknown>;
}

const errors = { write() {} };

async function listening(
  server: Server,
  request: typeof http.request = http.request,
  options: object = {},
): Promise<Site> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return client((server.address() as AddressInfo).port, request, options, () => {
    (server as http.Server).closeAllConnections?.();
    return new Promise((resolve) => server.close(resolve));
  });
}

function client(port: number, request: typeof http.request, options: object, close: () => Promise<unknown>): Site {
  return {
    close,
    ask: (path, { method = "GET", headers = {}, body, leaves = false, signal } = {}) =>
      new Promise((resolve, reject) => {
        const outgoing = request({ port, path, method, headers, signal, agent: false, ...options }, (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part) => {
            parts.push(part);
            if (leaves) outgoing.destroy();
          });
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode as number, headers: response.headers, body: Buffer.concat(parts) }),
          );
        });
        outgoing.on("error", reject);
        outgoing.end(body);
      }),
  };
}

async function overHttp2(app: App): Promise<Site> {
  const server = http2.createServer(toNode(app, { errors }) as unknown as Parameters<typeof http2.createServer>[1]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return http2Client(url, () => new Promise((resolve) => server.close(resolve)));
}

/** All requests on one connection. */
function http2Client(url: string, close: () => Promise<unknown>): Site {
  const session = http2.connect(url, { rejectUnauthorized: false });
  return {
    close() {
      session.destroy();
      return close();
    },
    ask: (path, { method = "GET", headers = {}, body, leaves = false } = {}) =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ":path": path, ":method": method, ...headers });
        const parts: Buffer[] = [];
        let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
        stream.on("response", (received) => {
          head = received;
        });
        stream.on("data", (part) => {
          parts.push(part);
          if (!leaves) return;
          stream.destroy();
          reject(new Error("left"));
        });
        stream.on("error", reject);
        stream.on("end", () => resolve({ status: Number(head[":status"]), headers: head, body: Buffer.concat(parts) }));
        stream.end(body);
      }),
  };
}

function inKoa(app: App): http.RequestListener {
  const listener = toNode(app, { errors });
  const host = new Koa().use((context) => {
    context.respond = false;
    listener(context.req, context.res);
  });
  return host.callback();
}

async function inFastify(app: App): Promise<http.RequestListener> {
  const listener = toNode(app, { errors });
  const host = Fastify();
  host.removeAllContentTypeParsers();
  host.addContentTypeParser("*", (_request, _payload, done) => done(null));
  host.all("/*", (request, reply) => {
    reply.hijack();
    listener(request.raw, reply.raw);
  });
  await host.ready();
  return host.routing as http.RequestListener;
}

export const SERVERS: Readonly<Record<string, (app: App) => Promise<Site>>> = {
  async tsgi(app) {
    const server = await serve(app, { port: 0, errors });
    return client(server.port, http.request, {}, () => server.close({ grace: 0 }));
  },
  async "tsgi, HTTP/2"(app) {
    const server = await serve(app, { port: 0, errors, http2: true, tls: await certificate() });
    return http2Client(`https://127.0.0.1:${server.port}`, () => server.close({ grace: 0 }));
  },
  "`node:http`": (app) => listening(http.createServer(toNode(app, { errors }))),
  async "`node:https`"(app) {
    const server = https.createServer(await certificate(), toNode(app, { errors }));
    return listening(server, https.request as typeof http.request, { rejectUnauthorized: false });
  },
  "`node:http2`": overHttp2,
  "in Express": (app) => listening(http.createServer(express().use(toNode(app, { errors })))),
  "in Koa": (app) => listening(http.createServer(inKoa(app))),
  "in Fastify": async (app) => listening(http.createServer(await inFastify(app))),
};
