/** Sends the same requests to a framework on its own server and through the gateway. */

import assert from "node:assert/strict";
import {
  createServer,
  type Server as HttpServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener,
} from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { dispatcher } from "../../middleware/dispatcher.ts";
import { toNode } from "../../src/adapters/to-node.ts";
import { notFound } from "../../src/apps.ts";
import type { App } from "../../src/gateway.ts";
import { type Server, serve } from "../../src/server/serve.ts";

export interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Sends a request to the app behind the gateway. */
export type Ask = (path: string, asked?: Asked) => Promise<Answer>;

function send(port: number, path: string, { method = "GET", headers = {}, body = "" }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { port, path, method, headers: { Host: "a.b.example.com", ...headers } },
      async (response) => {
        const parts: Buffer[] = [];
        for await (const part of response) parts.push(part as Buffer);
        const { date: _date, ...rest } = response.headers;
        resolve({ status: response.statusCode, headers: rest, body: Buffer.concat(parts).toString("latin1") });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** An answer without what differs from one place or moment to another: the mount, the stack of an error, secrets of a session. */
function withoutPlace({ status, headers, body }: Answer, mount: string): Answer {
  const text = JSON.stringify({ headers, body })
    .replaceAll(mount === "" ? "\0" : mount, "")
    .replace(/sid=[^;]+/g, "sid=…")
    .replace(/Expires=(?!Thu, 01 Jan 1970)[^;"]+/g, "Expires=…");
  const { headers: plain, body: own } = JSON.parse(text) as Answer;
  const [withoutStack, ...stack] = own.split(/<br> &nbsp; &nbsp;at [^<]*/);
  if (plain.location !== undefined || status === 404 || stack.length > 0) {
    delete plain["content-length"];
    delete plain.etag;
  }
  // The connection is the server's business.
  delete plain.connection;
  delete plain["keep-alive"];
  return { status, headers: plain, body: [withoutStack, stack.at(-1)].join("") };
}

/** An answer without its framing: the gateway knows the length of a body that is there at once. */
function withoutFraming(answer: Answer, other: Answer): Answer {
  const { "transfer-encoding": _coding, ...headers } = answer.headers;
  // A 204 has none, and a 205 has one of 0 (RFC 9110 §8.6, §15.3.6).
  const isEmpty = answer.status === 204 || answer.status === 205;
  if (other.headers["transfer-encoding"] !== undefined || isEmpty) delete headers["content-length"];
  return { ...answer, headers };
}

const SILENT = { write() {} };

/**
 * A test for each request: the answer of the framework's own server is the one behind the gateway, on the gateway's server
 * and in a Node server, at the root and below `/in/it`.
 */
export function sideBySide(
  name: string,
  listener: RequestListener,
  app: App,
  requests: readonly (readonly [path: string, asked: Asked])[],
): Ask {
  const native = createServer(listener);
  const site = dispatcher(app, { "/in/it": app, "/none": notFound });
  const inNode = createServer(toNode(site, { errors: SILENT }));
  let ours: Server;

  before(async () => {
    for (const server of [native, inNode]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ours = await serve(site, { port: 0, errors: SILENT });
  });

  after(async () => {
    for (const server of [native, inNode]) {
      server.closeAllConnections();
      server.close();
    }
    await ours.close({ grace: 0 });
  });

  for (const [path, asked] of requests) {
    const { method = "GET", headers = {} } = asked;
    test(`${name}: ${method} ${path} ${JSON.stringify(headers)} is what it is on its own`, async () => {
      const expected = withoutPlace(await send(portOf(native), path, asked), "");
      for (const port of [ours.port, portOf(inNode)]) {
        for (const mount of ["", "/in/it"]) {
          const actual = withoutPlace(await send(port, mount + path, asked), mount);
          assert.deepEqual(withoutFraming(actual, expected), withoutFraming(expected, expected), mount);
        }
      }
    });
  }

  return (path, asked) => send(ours.port, path, asked);
}

function portOf(server: HttpServer): number {
  return (server.address() as AddressInfo).port;
}

/** A test that the session of the site at `/visits` goes on. */
export function keepsSession(name: string, ask: Ask): void {
  test(`${name}: a session goes on`, async () => {
    const first = await ask("/in/it/visits");
    const cookie = first.headers["set-cookie"]?.[0]?.split(";")[0] as string;
    assert.equal((await ask("/in/it/visits", { headers: { Cookie: cookie } })).body, "visit 2");
  });
}
