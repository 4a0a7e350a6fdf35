import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { toNode } from "../../src/adapters/to-node.ts";
import { readBytes } from "../../src/body/input.ts";
import type { App } from "../../src/gateway.ts";
import { type Reading, startLenientProxy } from "../support/lenient-proxy.ts";
import { FORWARDED, isMissing, PROXIES, type RunningProxy, SECRET, startProxy } from "../support/proxies.ts";
import { RawClient, start } from "../support/raw-client.ts";
import { SHAPES, type Shape } from "../support/smuggling-shapes.ts";

// By hand, every shape through every proxy: `TSGI_SMUGGLING=all`.

/** How long a client waits for an answer to a shape that may be incomplete, in milliseconds. */
const PATIENCE = 20;

/** A request that the app saw. */
interface Seen {
  readonly method: string;
  readonly target: string;
  /** What the proxy says to have sent. */
  readonly forwarded: string;
  /** The connection that it came on. */
  readonly port: string;
  body: string;
}

/** An app that keeps what it sees, and says which target it was asked for. */
function recorder(seen: Seen[]): App {
  return async function recorder(environ, startResponse) {
    const { headers } = environ["tsgi.exchange"];
    const request: Seen = {
      method: environ.REQUEST_METHOD,
      target: environ.REQUEST_URI,
      forwarded: (headers ?? [])
        .filter(([name]) => name.toLowerCase() === FORWARDED.toLowerCase())
        .map(([, value]) => value)
        .join(" and "),
      port: environ.REMOTE_PORT,
      body: "",
    };
    seen.push(request);
    if (environ.PATH_INFO !== "/unread") request.body = Buffer.from(await readBytes(environ)).toString("latin1");
    startResponse("200 OK", []);
    return environ.REQUEST_URI;
  };
}

/** Whether the proxy sent this request, as it is, and nothing else of it came elsewhere. */
function wasSent({ method, target, forwarded, body }: Seen): boolean {
  const [secret, , ...line] = forwarded.split(" ");
  return secret === SECRET && line.join(" ") === `${method} ${target}` && !body.includes(SECRET);
}

/** Waits until something is so, but not for long. */
async function soon(isSo: () => boolean, patience: number): Promise<void> {
  const deadline = Date.now() + patience;
  while (!isSo() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Asks for something of its own, as another client; gives the whole response. */
async function ask(port: number, target: string): Promise<string> {
  const client = await RawClient.open(connect(port, "127.0.0.1"));
  client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  await soon(() => client.end !== undefined, 5000);
  client.socket.destroy();
  return client.received;
}

/** Sends shapes through a proxy; gives what went wrong, and how many of them the app saw something of. */
async function attack(
  port: number,
  seen: Seen[],
  shapes: readonly Shape[],
): Promise<{ found: string[]; reached: number }> {
  const found: string[] = [];
  let reached = 0;
  const attackWith = async ({ number, name, bytes }: Shape) => {
    const attacker = (await RawClient.open(connect(port, "127.0.0.1"))).send(bytes);
    await soon(() => attacker.end !== undefined || /^HTTP\/1\.1 [2-5]/m.test(attacker.received), PATIENCE);
    // While the attacker still waits, and after it has left.
    for (const victim of ["first", "second"]) {
      const target = `/${victim}?${number}`;
      const response = await ask(port, target);
      if (!response.startsWith("HTTP/1.1 200 OK\r\n") || !response.endsWith(`\r\n\r\n${target}`)) {
        found.push(`${name}: the next client got ${JSON.stringify(response)}`);
      }
      if (victim === "first") attacker.socket.destroy();
    }
    if (seen.length > 2) reached++;
    for (const request of seen.splice(0)) {
      if (!wasSent(request)) found.push(`${name}: the app saw ${JSON.stringify(request)}`);
    }
  };
  for (const shape of shapes) await attackWith(shape);
  return { found, reached };
}

/** Asks three times; asserts that all of it came on one connection: what a client leaves there is read before the next. */
async function checkSharing(port: number, seen: Seen[]): Promise<void> {
  for (const target of ["/one", "/two", "/three"]) assert.match(await ask(port, target), /^HTTP\/1\.1 200 OK\r\n/);
  assert.deepEqual(
    seen.map(({ method, target, body }) => [method, target, body]),
    ["/one", "/two", "/three"].map((target) => ["GET", target, ""]),
  );
  assert.ok(seen.every(wasSent), JSON.stringify(seen));
  assert.equal(new Set(seen.map((request) => request.port)).size, 1);
  seen.length = 0;
}

/** Sends the shapes through a proxy in front of the server, in the suite every second one: which half depends on the index. */
async function check(
  t: TestContext,
  index: number,
  startInFront: (upstream: number) => Promise<RunningProxy>,
): Promise<void> {
  const seen: Seen[] = [];
  const { server } = await start(t, recorder(seen), { keepAliveTimeout: 0 });
  const { port } = await startInFront(server.port);
  await checkSharing(port, seen);
  const half = [0, 1, 1, 0][index % 4];
  const shapes = process.env.TSGI_SMUGGLING === "all" ? SHAPES : SHAPES.filter((_shape, place) => place % 2 === half);
  const { found, reached } = await attack(port, seen, shapes);
  t.diagnostic(`${shapes.length} shapes, of which ${reached} reached the app`);
  assert.deepEqual(found, []);
}

const READINGS: readonly Reading[] = [
  { takes: "lookalikes", prefers: "Content-Length", lineEnd: "\r\n" },
  { takes: "lookalikes", prefers: "Content-Length", lineEnd: "\n" },
  { takes: "lookalikes", prefers: "Transfer-Encoding", lineEnd: "\r\n" },
  { takes: "lookalikes", prefers: "Transfer-Encoding", lineEnd: "\n" },
  { takes: "exact words", prefers: "Content-Length", lineEnd: "\r\n" },
  { takes: "exact words", prefers: "Transfer-Encoding", lineEnd: "\n" },
];

test("smuggling: a server that is forgiving is found out", async (t) => {
  const seen: Seen[] = [];
  const server = createServer({ insecureHTTPParser: true }, toNode(recorder(seen), { errors: { write() {} } }));
  server.listen(0);
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  const { port } = await startLenientProxy(t, READINGS[0] as Reading, (server.address() as AddressInfo).port);
  await checkSharing(port, seen);
  const shapes = SHAPES.filter(({ name }) => name === 'CL.TE: "Transfer-Encoding: chunked"');
  const { found } = await attack(port, seen, shapes);
  assert.match(found[0] ?? "", /the next client got .*\/smuggled/);
  assert.match(found[1] ?? "", /the app saw \{"method":"GET","target":"\/smuggled/);
});

describe("smuggling", { concurrency: true }, () => {
  for (const [index, reading] of READINGS.entries()) {
    const how = Object.values(reading).map((value) => JSON.stringify(value));
    test(`smuggling: the server refuses what a careless proxy forwards (${how.join(", ")})`, (t) =>
      check(t, index, (upstream) => startLenientProxy(t, reading, upstream)));
  }
  for (const [index, kind] of PROXIES.entries()) {
    test(`smuggling: ${kind.name} and the server agree on where a request ends`, { skip: isMissing(kind) }, (t) =>
      check(t, index, (upstream) => startProxy(t, kind, upstream)),
    );
  }
});
