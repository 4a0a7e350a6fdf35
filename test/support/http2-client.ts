/** A server of HTTP/2 for one test, and Node's own client for it. */

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect as connectPlainly } from "node:net";
import type { TestContext } from "node:test";
import type { App } from "../../src/gateway.ts";
import type { ServeOptions, Server } from "../../src/server/serve.ts";
import { certificate } from "./certificate.ts";
import { FrameClient } from "./frames.ts";
import { start } from "./raw-client.ts";

export interface Started {
  readonly server: Server;
  readonly log: string[];
  /** Another connection. */
  connect(): ClientHttp2Session;
  /** Another connection, frame by frame. */
  frames(greets?: boolean): Promise<FrameClient>;
}

/** Both ways in. */
export const WAYS = ["prior knowledge", "ALPN"] as const;
export type Way = (typeof WAYS)[number];

/** Serves HTTP/2 on a free port until the test is over. */
export async function startHttp2(
  t: TestContext,
  app: App,
  options: ServeOptions = {},
  way: Way = "prior knowledge",
): Promise<Started> {
  const tls = way === "ALPN" ? { tls: await certificate() } : {};
  const { server, log } = await start(t, app, { http2: true, ...tls, ...options });
  const opened: { destroy(): void }[] = [];
  t.after(() => {
    for (const one of opened) one.destroy();
  });
  return {
    server,
    log,
    connect() {
      const session = connect(`${way === "ALPN" ? "https" : "http"}://127.0.0.1:${server.port}`, {
        rejectUnauthorized: false,
        ...(way === "ALPN" ? {} : { createConnection: () => connectPlainly(server.port, "127.0.0.1") }),
      });
      session.on("error", () => {});
      opened.push(session);
      return session;
    },
    async frames(greets = true) {
      const client = await FrameClient.open(server.port, greets, way === "ALPN");
      opened.push(client.socket);
      return client;
    },
  };
}

/** What a stream gives. */
export interface Answer {
  readonly status: number;
  /** Without `date`. */
  readonly headers: Record<string, unknown>;
  readonly body: string;
  readonly informational: Record<string, unknown>[];
  /** The code of its reset; 0 where it ended well. */
  readonly reset: number;
}

/** Sends a request, and waits for the end of its stream. */
export function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders = {},
  body?: string | Uint8Array,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

/** What a stream gives, once it has ended. */
export function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let head: IncomingHttpHeaders = {};
    const informational: Record<string, unknown>[] = [];
    const chunks: Buffer[] = [];
    stream.on("headers", (lines) => informational.push(plain(lines)));
    stream.on("response", (lines) => {
      head = lines;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => {});
    stream.on("close", () => {
      const { ":status": status, date, ...headers } = plain(head);
      resolve({
        status: Number(status ?? 0),
        headers: { ...headers, ...(date === undefined ? { dateless: true } : {}) },
        body: Buffer.concat(chunks).toString(),
        informational,
        reset: stream.rstCode,
      });
    });
  });
}

function plain(headers: IncomingHttpHeaders): Record<string, unknown> {
  // Without its symbols.
  return Object.fromEntries(Object.entries(headers));
}
