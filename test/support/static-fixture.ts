/** Static files on a real socket, asked with targets as they stand, and the answers taken apart. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { lint } from "../../middleware/lint.ts";
import { type Exports, type StaticFilesOptions, staticFiles } from "../../middleware/static-files.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import type { Seen } from "./file-tree.ts";
import { type RawClient, start } from "./raw-client.ts";

/** An answer: equal to a literal of status, headers and text, with its bytes beside. */
export interface Reply extends Seen {
  readonly bytes: Buffer;
}

export interface Site {
  readonly port: number;
  /** What was written to `tsgi.errors`. */
  readonly log: readonly string[];
  /** Asks for a target exactly as it is written, one byte a character, with these header lines. */
  ask(method: string, target: string, ...lines: string[]): Promise<Reply>;
  get(target: string, ...lines: string[]): Promise<Reply>;
  head(target: string, ...lines: string[]): Promise<Reply>;
  /** The text at a target. */
  text(target: string, ...lines: string[]): Promise<string>;
  connect(): Promise<RawClient>;
}

/** Serves a folder at the root, or these exports, in front of an app, until the test is over. */
export function serveFiles(
  t: TestContext,
  exports: string | Exports,
  options: StaticFilesOptions = {},
  app: App = notFound,
): Promise<Site> {
  return serveApp(t, staticFiles(app, typeof exports === "string" ? { "/": exports } : exports, options));
}

/** Serves an app, checked against the contract. */
export async function serveApp(t: TestContext, app: App): Promise<Site> {
  const { server, log, connect: open } = await start(t, lint(app));
  const ask: Site["ask"] = async (method, target, ...lines) => {
    const head = [`${method} ${target} HTTP/1.1`, "Host: a", ...lines, "Connection: close", "", ""];
    const socket = connect(server.port, "127.0.0.1");
    socket.write(head.join("\r\n"), "latin1");
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return takeApart(Buffer.concat(chunks), method);
  };
  return {
    port: server.port,
    log,
    ask,
    get: (target, ...lines) => ask("GET", target, ...lines),
    head: (target, ...lines) => ask("HEAD", target, ...lines),
    text: async (target, ...lines) => (await ask("GET", target, ...lines)).body,
    connect: open,
  };
}

/** What differs from one exchange to the next. */
const OF_THE_EXCHANGE = new Set(["connection", "date", "keep-alive"]);

/** A response as it came, with exactly as many bytes as it says. */
export function takeApart(received: Buffer, method: string): Reply {
  const end = received.indexOf("\r\n\r\n");
  assert.ok(end >= 0, `no answer: ${JSON.stringify(received.toString("latin1"))}`);
  const [statusLine = "", ...lines] = received.subarray(0, end).toString("latin1").split("\r\n");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:]+): (.*)$/.exec(line) ?? [];
    const key = name.toLowerCase();
    if (!OF_THE_EXCHANGE.has(key)) headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
  }
  const status = Number(statusLine.split(" ")[1]);
  const bytes = received.subarray(end + 4);
  const length = method === "HEAD" || status === 304 ? "0" : headers["content-length"];
  assert.equal(String(bytes.length), length, `${statusLine}: the length of the body`);
  const reply = { status, headers, body: bytes.toString() };
  Object.defineProperty(reply, "bytes", { value: bytes });
  return reply as Reply;
}

/** Text as the bytes of its UTF-8, one a character, for a target. */
export function utf8(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Compares without printing all that differs. */
export function assertBytes(actual: Buffer, expected: Buffer): void {
  assert.ok(actual.equals(expected), `${actual.length} bytes are not the ${expected.length} that there should be`);
}
