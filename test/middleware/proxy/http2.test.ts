/** HTTP/2 towards targets, by undici 8: on an older Node these tests run in a process of a newer one. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import http2, {
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";
import { type BalancerOptions, balancer as balancerOf } from "../../../middleware/balancer.ts";
import { startAttempt } from "../../../middleware/proxy/attempt.ts";
import { settingsOf } from "../../../middleware/proxy/options.ts";
import type { Outcome } from "../../../middleware/proxy/outcome.ts";
import { Pool } from "../../../middleware/proxy/pool.ts";
import { targetOf } from "../../../middleware/proxy/target.ts";
import { type ProxyOptions, proxy as proxyOf } from "../../../middleware/proxy.ts";
import { websocket } from "../../../middleware/websocket.ts";
import type { App } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { certificate } from "../../support/certificate.ts";
import { NODE_FLAGS, pathToRun } from "../../support/compiled.ts";
import { nodeVersions } from "../../support/node-versions.ts";
import { eventually, start } from "../../support/raw-client.ts";
import { isInstalled, runsHere, withUndici } from "../../support/undici-8.ts";

type Handler = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

interface Target {
  readonly url: string;
  readonly sessions: Set<ServerHttp2Session>;
  /** How many connections there were. */
  readonly connections: number;
}

/** A target that speaks HTTP/2 without TLS, from the first byte on. */
async function clearTarget(t: TestContext, handler: Handler, options: http2.ServerOptions = {}): Promise<Target> {
  return listening(t, http2.createServer(options, handler), "http");
}

async function listening(t: TestContext, server: Http2Server, scheme: string): Promise<Target> {
  const sessions = new Set<ServerHttp2Session>();
  let connections = 0;
  server.on("session", (session) => {
    connections++;
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return {
    url: `${scheme}://localhost:${(server.address() as AddressInfo).port}`,
    sessions,
    get connections() {
      return connections;
    },
  };
}

const echo: Handler = (incoming, response) => {
  response.setHeader("X-Protocol", incoming.httpVersion);
  incoming.pipe(response as never);
};

/** With undici 8. */
const proxy = (target: string, options: ProxyOptions = {}): App => withUndici(8, () => proxyOf(target, options));

async function ask(app: App, path = "/", init = {}): Promise<string> {
  const response = await request(app, path, init);
  return `${response.status} ${response.headers.get("X-Protocol")} ${await response.text()}`;
}

function tests(): void {
  test("http2: requests share a connection", async (t) => {
    const target = await clearTarget(t, echo);
    const app = proxy(target.url, { http2: "h2c" });
    const large = "x".repeat(70_000);
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, index) => ask(app, "/", index % 2 ? { method: "POST", body: large } : {})),
    );
    assert.deepEqual(new Set(all), new Set(["200 2.0 ", `200 2.0 ${large}`]));
    assert.equal(target.connections, 1);
  });

  for (const [what, allowed, protocol] of [
    ["is spoken where a target offers it", true, "2.0"],
    ["is not where it does not", false, "1.1"],
  ] as const) {
    test(`http2: it ${what}`, async (t) => {
      const { key, cert } = await certificate();
      const { server } = await start(
        t,
        ({ SERVER_PROTOCOL }, startResponse) => {
          startResponse("200 OK", [["X-Protocol", SERVER_PROTOCOL.slice(5)]]);
          return "hi";
        },
        { tls: { key, cert }, http2: allowed },
      );
      const app = proxy(`https://localhost:${server.port}`, { http2: true, tls: { ca: cert } });
      for (let index = 0; index < 2; index++) {
        const all = await Promise.all(Array.from({ length: 5 }, () => ask(app)));
        assert.deepEqual(all, Array(5).fill(`200 ${protocol} hi`));
      }
    });
  }

  test("http2: a target with an http URL is spoken to in HTTP/1.1, unless that is said", async (t) => {
    const { server } = await start(t, ({ SERVER_PROTOCOL }, startResponse) => {
      startResponse("200 OK", [["X-Protocol", SERVER_PROTOCOL]]);
      return "hi";
    });
    assert.equal(await ask(proxy(`http://127.0.0.1:${server.port}`, { http2: true })), "200 HTTP/1.1 hi");
  });

  test("http2: host, header lines, trailers and early hints pass", async (t) => {
    const seen: unknown[] = [];
    const target = await clearTarget(t, (incoming, response) => {
      const { ":authority": authority, te, connection, "x-a": a } = incoming.headers;
      seen.push(authority, te, connection, a);
      response.writeEarlyHints({ link: "</a.css>" });
      response.writeHead(200, { "Set-Cookie": ["a=b", "c=d"] });
      response.write("hi");
      response.addTrailers({ "grpc-status": "0", "set-cookie": "e=f" });
      response.end();
    });
    const app = proxy(target.url, { http2: "h2c", host: "preserve", earlyHints: true, via: false });
    const headers = { Host: "example.com", TE: "trailers", Connection: "close", "X-A": "1" };
    const response = await request(app, "/", { headers });
    assert.equal(await response.text(), "hi");
    assert.deepEqual(response.headers.getSetCookie(), ["a=b", "c=d"]);
    assert.deepEqual(response.trailers, [["grpc-status", "0"]]);
    assert.deepEqual(response.informational, [{ status: "103 Early Hints", headers: [["link", "</a.css>"]] }]);
    assert.deepEqual(seen, ["example.com", "trailers", undefined, "1"]);
  });

  test("http2: a client that leaves ends its stream alone", async (t) => {
    let resets = 0;
    const target = await clearTarget(t, (incoming, response) => {
      if (incoming.url !== "/slow") return void response.end("hi");
      incoming.stream.on("aborted", () => resets++);
      response.write("begun");
    });
    const app = proxy(target.url, { http2: "h2c", connections: 4 });
    for (const when of ["before", "amid"]) {
      const leaving = new AbortController();
      const asked = request(app, "/slow", { signal: leaving.signal });
      if (when === "amid") await (await asked).body?.getReader().read();
      else await eventually(() => target.sessions.size === 1);
      leaving.abort();
      await asked.catch(() => {});
    }
    await eventually(() => resets === 2);
    // All places are free again.
    const all = await Promise.all(Array.from({ length: 8 }, () => ask(app)));
    assert.deepEqual(all, Array(8).fill("200 null hi"));
    assert.equal(target.connections, 1);
  });

  test("http2: a polite farewell loses nothing", async (t) => {
    let count = 0;
    const target = await clearTarget(t, (incoming, response) => {
      if (++count % 40 === 0) (incoming.stream.session as ServerHttp2Session).goaway(http2.constants.NGHTTP2_NO_ERROR);
      echo(incoming, response);
    });
    const balancer = withUndici(8, () => balancerOf([target.url], { http2: "h2c" }));
    for (const app of [proxy(target.url, { http2: "h2c" }), balancer]) {
      const answers: string[] = [];
      const client = async (method: string): Promise<void> => {
        for (let index = 0; index < 40; index++)
          answers.push(await ask(app, "/", method === "GET" ? {} : { method, body: "a" }));
      };
      await Promise.all(["GET", "POST", "GET", "POST", "GET"].map(client));
      assert.deepEqual(
        answers.filter((answer) => !answer.startsWith("200")),
        [],
      );
    }
    assert.ok(target.connections > 2);
    assert.deepEqual([balancer.status().targets[0]?.failures, balancer.status().retries], [0, 0]);
    await balancer.close();
  });

  test("http2: a stream that is reset before its head is a 502, one amid its body cuts the response, and no other", async (t) => {
    const target = await clearTarget(t, (incoming, response) => {
      if (incoming.url === "/amid") response.write("begun");
      const reset = () => incoming.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      if (incoming.url === "/") setTimeout(() => response.end("hi"), 20);
      else if (incoming.url === "/amid") setTimeout(reset, 5);
      else reset();
    });
    const app = proxy(target.url, { http2: "h2c" });
    const other = ask(app);
    assert.equal((await request(app, "/before")).status, 502);
    const cut = await request(app, "/amid", { lint: false });
    await assert.rejects(cut.text());
    assert.equal(await other, "200 null hi");
    assert.equal(target.connections, 1);
  });

  test("http2: a connection that dies with its requests is no end of the target", async (t) => {
    const target = await clearTarget(t, (incoming, response) => {
      // Not amid the frames of a read, which ends the process on Node 22.
      if (incoming.url === "/die") setImmediate(() => incoming.stream.session?.destroy());
      else response.end("hi");
    });
    const app = proxy(target.url, { http2: "h2c" });
    assert.equal(await ask(app), "200 null hi");
    const [dead, posted] = await Promise.all([
      request(app, "/die"),
      request(app, "/die", { method: "POST", body: "a" }),
    ]);
    assert.deepEqual([dead.status, posted.status], [502, 502]);
    assert.equal(await ask(app), "200 null hi");
  });

  test("http2: a target that refuses streams for now has them later", async (t) => {
    const target = await clearTarget(t, (_incoming, response) => void setTimeout(() => response.end("hi"), 5), {
      settings: { maxConcurrentStreams: 2 },
    });
    const app = proxy(target.url, { http2: "h2c" });
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(app)));
    assert.deepEqual(all, Array(20).fill("200 null hi"));
  });

  test("http2: a target to which a connection carries too much gets another one", async (t) => {
    let refused = 0;
    let first: unknown;
    const target = await clearTarget(t, (incoming, response) => {
      const { session } = incoming.stream;
      first ??= session;
      if (session !== first || incoming.url === "/first") return void response.end("hi");
      refused++;
      incoming.stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    const app = proxy(target.url, { http2: "h2c" });
    assert.equal(await ask(app, "/first"), "200 null hi");
    assert.equal(await ask(app, "/"), "200 null hi");
    assert.equal(await ask(app, "/"), "200 null hi");
    assert.deepEqual([refused, target.connections], [1, 2]);
  });

  test("http2: connections that could not be opened are forgotten", async () => {
    const { pool: options, limits } = settingsOf({ http2: "h2c" });
    const pool = withUndici(8, () => new Pool(targetOf("http://127.0.0.1:1", "proxy"), options, "proxy"));
    const asked = { method: "GET", path: "/", query: "", headers: [], host: undefined, body: undefined };
    for (let index = 0; index < 3; index++) {
      const outcome = await new Promise<Outcome>((onOutcome) => {
        const listener = { onOutcome, onOver() {} };
        startAttempt(pool, { ...asked, expectsContinue: false, upgrade: undefined }, limits, listener);
      });
      assert.equal(!outcome.isAnswer && outcome.reason, "unreachable");
      await eventually(() => pool.busy === 0);
      assert.equal(pool.idle, 0);
    }
  });

  test("http2: a slow reader makes the target wait", async (t) => {
    let sent = 0;
    const target = await clearTarget(t, (_incoming, response) => {
      const piece = Buffer.alloc(65_536);
      const send = (): void => {
        while (sent < 64 * 1024 * 1024) {
          sent += piece.length;
          if (!response.write(piece)) return void response.once("drain", send);
        }
        response.end();
      };
      send();
    });
    const app = proxy(target.url, { http2: "h2c" });
    const reader = (await request(app, "/")).body?.getReader();
    await reader?.read();
    let before = -1;
    await eventually(() => {
      const isStill = before === sent;
      before = sent;
      return isStill;
    });
    assert.ok(sent < 16 * 1024 * 1024, `${sent} bytes were sent`);
    await reader?.cancel();
  });

  test("http2: a connection of which many requests were given up is not used again", async (t) => {
    const target = await clearTarget(t, (incoming, response) => {
      if (incoming.url === "/slow") response.write("begun");
      else response.end("hi");
    });
    const app = proxy(target.url, { http2: "h2c" });
    for (let round = 0; round < 11; round++) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const reader = (await request(app, "/slow")).body?.getReader();
          await reader?.read();
          await reader?.cancel();
        }),
      );
    }
    assert.equal(await ask(app), "200 null hi");
    assert.equal(target.connections, 2);
    await eventually(() => target.sessions.size === 1);
  });

  test("http2: WebSockets go by HTTP/1.1", async (t) => {
    const { key, cert } = await certificate();
    const chat = websocket({ message: (socket, data) => socket.send(data) }, { origin: "*" });
    const { server: inner } = await start(t, chat, { tls: { key, cert }, http2: true });
    const { server } = await start(t, proxy(`https://localhost:${inner.port}`, { http2: true, tls: { ca: cert } }));
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/`);
    t.after(() => socket.terminate());
    await once(socket, "open");
    socket.send("hello");
    assert.equal(String((await once(socket, "message"))[0]), "hello");
  });

  test("http2: a balancer speaks it too", async (t) => {
    const targets = [await clearTarget(t, echo), await clearTarget(t, echo)];
    const options: BalancerOptions = { http2: "h2c", probe: { path: "/", interval: 5 } };
    const urls = targets.map(({ url }) => url);
    const app = withUndici(8, () => balancerOf(urls, options));
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(app)));
    assert.deepEqual(all, Array(20).fill("200 2.0 "));
    await app.close();
  });

  test("http2: HTTP/1.1 works by undici 8 as well", async (t) => {
    const { server } = await start(t, (environ, startResponse) => {
      startResponse("200 OK", [["X-Protocol", environ.SERVER_PROTOCOL]]);
      environ["tsgi.exchange"].addTrailers?.([["X-T", "1"]]);
      return "hi";
    });
    const response = await request(proxy(`http://127.0.0.1:${server.port}`), "/", { headers: { TE: "trailers" } });
    assert.deepEqual([await response.text(), response.trailers], ["hi", [["X-T", "1"]]]);
  });
}

const newer = nodeVersions.find(({ name }) => name === "Node 24");

if (runsHere && isInstalled) tests();
else {
  test("proxy: HTTP/2 towards targets, on a newer Node", { skip: !(isInstalled && newer) && "not installed" }, () => {
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const path = pathToRun(fileURLToPath(import.meta.url));
    const flags = [...NODE_FLAGS, "--test", "--test-reporter=tap"];
    const { status, stdout } = spawnSync(newer?.node ?? "", [...flags, path], {
      env,
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(status, 0, stdout.match(/^ *not ok .*\n(?: +.*\n){0,40}/gm)?.join("\n") ?? stdout);
    assert.match(stdout, /^# pass (?:1[5-9]|2\d)$/m);
  });
}

test("proxy: http2 needs undici 8, and says so", () => {
  assert.throws(() => withUndici(7, () => proxyOf("https://a", { http2: true })), {
    code: "TSGI_HTTP2_NEEDS_UNDICI_8",
    message: /^http2 of proxy needs undici 8, and 7\.\S+ is installed\. Install it: npm install undici@8/,
  });
});

test("proxy: undici 8 on a Node that does not run it", {
  skip: (!isInstalled || runsHere) && "this Node runs it",
}, () => {
  assert.throws(() => proxy("https://a"), {
    code: "TSGI_NO_PACKAGE",
    message: /^proxy cannot load undici 8\.\S+ on Node 20\.\S+ Use Node 22\.19\.0 or later/,
  });
});
