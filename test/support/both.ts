/** Runs a handler on Node's own server and through the gateway, and compares. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fromNode } from "../../src/adapters/from-node.ts";
import { eventually, RawClient, start } from "./raw-client.ts";

export type Told = (...what: unknown[]) => void;
export type Handler = (request: IncomingMessage, response: ServerResponse, told: Told) => unknown;

/** What comes over the wire, without what differs from one moment to the next, and what the handler told meanwhile. */
export interface Seen {
  wire: string;
  told: unknown[];
}

export const GET = "GET /path?query=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Two: a\r\nX-Two: b\r\n\r\n";

async function ask(port: number, sent: string, leaves: boolean): Promise<string> {
  const client = await RawClient.open(connect(port, "127.0.0.1"));
  client.socket.write(sent, "latin1");
  if (leaves) {
    await sleep(30);
    client.socket.destroy();
  }
  return sorted((await client.all()).replace(/^Date: .*\r\n/gm, ""));
}

/** Node sends the connection's own headers last, the gateway where they stand. */
function sorted(response: string): string {
  const end = response.indexOf("\r\n\r\n");
  const [status, ...lines] = response.slice(0, end).split("\r\n");
  return [status, ...lines.toSorted()].join("\r\n") + response.slice(end);
}

/** A handler on a plain Node server, and as an app on ours; `leaves` tells whether the client waits for an answer. */
export async function both(
  t: TestContext,
  handler: Handler,
  sent = GET,
  leaves = false,
): Promise<[plain: Seen, ours: Seen]> {
  const told: [unknown[], unknown[]] = [[], []];
  const plain = createServer((request, response) => {
    void handler(request, response, (...what) => told[0].push(...what));
  });
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  t.after(() => plain.close());
  const { server } = await start(
    t,
    fromNode((request, response) => handler(request, response, (...what) => told[1].push(...what))),
  );
  const wires = [
    await ask((plain.address() as AddressInfo).port, sent, leaves),
    await ask(server.port, sent, leaves),
  ] as const;
  await sleep(20);
  // What the handler tells may come after the answer; a difference shows in the comparison.
  await eventually(() => told[1].length >= told[0].length).catch(() => {});
  return [
    { wire: withOneChunk(wires[0]), told: told[0] },
    { wire: withOneChunk(wires[1]), told: told[1] },
  ];
}

/** The same with all chunks of a body as one: from Node 26 on, Node joins those of a turn. */
function withOneChunk(wire: string): string {
  const end = wire.indexOf("\r\n\r\n") + 4;
  const head = wire.slice(0, end);
  if (!head.includes("\r\nTransfer-Encoding: chunked\r\n")) return wire;
  let rest = wire.slice(end);
  let body = "";
  for (let part = firstChunk(rest); part !== undefined; part = firstChunk(rest)) {
    body += part.text;
    rest = rest.slice(part.length);
  }
  return `${head}${body.length.toString(16)}\r\n${body}\r\n${rest}`;
}

/** The chunk that a body begins with, and its length with its framing; undefined for the last one, and for what is cut. */
function firstChunk(body: string): { text: string; length: number } | undefined {
  const line = /^([\da-f]*[1-9a-f][\da-f]*)\r\n/i.exec(body);
  if (line === null) return undefined;
  const size = Number.parseInt(line[1] as string, 16);
  const start = line[0].length;
  return body.startsWith("\r\n", start + size)
    ? { text: body.slice(start, start + size), length: start + size + 2 }
    : undefined;
}
