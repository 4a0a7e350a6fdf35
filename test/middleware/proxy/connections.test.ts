/** The connections to a target: how long they are kept, and how they are opened. */

import assert from "node:assert/strict";
import type { AddressInfo, Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { createServer as createTlsServer } from "node:tls";
import { type ProxyOptions, proxy } from "../../../middleware/proxy.ts";
import type { App } from "../../../src/gateway.ts";
import { request } from "../../../src/testing.ts";
import { Authority } from "../../support/authority.ts";
import { eventually, start } from "../../support/raw-client.ts";
import { type Answer, HI, type RawTarget, rawTarget, sendTo } from "../../support/raw-target.ts";
import { transcript } from "../../support/transcript.ts";

async function proxied(
  t: TestContext,
  answer: Answer,
  options: ProxyOptions = {},
): Promise<{ target: RawTarget; app: App }> {
  const target = await rawTarget(t, answer);
  return { target, app: proxy(target.url, { via: "p", ...options }) };
}

test("proxy: a connection is given up before the target says that it closes it", async (t) => {
  const { target, app } = await proxied(t, HI.replace("\n", "\nKeep-Alive: timeout=1\n"));
  for (let index = 0; index < 2; index++) assert.match(await transcript(app, "/"), /^200/);
  assert.equal(target.connections, 2);
  const { target: patient, app: other } = await proxied(t, HI.replace("\n", "\nKeep-Alive: timeout=60\n"));
  for (let index = 0; index < 2; index++) assert.match(await transcript(other, "/"), /^200/);
  assert.equal(patient.connections, 1);
});

test("proxy: a connection that nobody needs is closed", async (t) => {
  const { target, app } = await proxied(t, HI, { keepAliveTimeout: 10 });
  await transcript(app, "/");
  await target.untilLeft();
});

test("proxy: a connection that is old is not used again", async (t) => {
  const { target, app } = await proxied(t, HI, { maxAge: 0 });
  for (let index = 0; index < 3; index++) assert.match(await transcript(app, "/"), /^200/);
  assert.equal(target.connections, 3);
  await target.untilLeft();
});

test("proxy: of idle connections the one that was used last is used next", async (t) => {
  const waiting: Socket[] = [];
  const seen: Socket[] = [];
  const { app } = await proxied(t, (socket, head) => {
    seen.push(socket);
    if (head.startsWith("GET /wait")) waiting.push(socket);
    else sendTo(socket, HI);
  });
  const both = [transcript(app, "/wait/1"), transcript(app, "/wait/2")];
  await eventually(() => waiting.length === 2);
  const [first, second] = waiting as [Socket, Socket];
  sendTo(first, HI);
  await both[0];
  sendTo(second, HI);
  await both[1];
  for (let index = 0; index < 3; index++) await transcript(app, "/");
  assert.deepEqual(seen.slice(2), [second, second, second]);
});

test("proxy: a target that was HTTP/1.0 and has been replaced is sent chunks again", async (t) => {
  let version = "1.0";
  const { target, app } = await proxied(t, (socket) => {
    sendTo(socket, HI.replace("1.1", version));
    if (version === "1.0") socket.end();
  });
  async function* stream() {
    yield "hello";
  }
  const put = async (): Promise<number> => (await request(app, "/", { method: "PUT", body: stream() })).status;
  assert.equal((await request(app, "/")).headers.get("Via"), "1.0 p");
  assert.equal(await put(), 411);
  version = "1.1";
  assert.equal((await request(app, "/")).headers.get("Via"), "1.1 p");
  assert.equal(await put(), 200);
  assert.match(target.received, /5\r\nhello\r\n0\r\n\r\n$/);
});

for (const connection of ["", ",", "@, X-Hop", '"a b", X-Hop', "X-Hop, x y, close"]) {
  test(`proxy: ${JSON.stringify(`Connection: ${connection}`)} is read as far as it makes sense, both ways`, async (t) => {
    const { target, app } = await proxied(t, HI.replace("\n", `\nConnection: ${connection}\nX-Hop: 1\nX-A: b\n`));
    const response = await request(app, "/", { headers: { Connection: connection, "X-Hop": "1", "X-A": "b" } });
    assert.equal(await response.text(), "hi");
    const isNamed = connection.includes("X-Hop");
    assert.deepEqual([response.headers.has("X-Hop"), response.headers.get("X-A")], [!isNamed, "b"]);
    assert.deepEqual([/^X-Hop: 1\r$/m.test(target.received), /^X-A: b\r$/m.test(target.received)], [!isNamed, true]);
  });
}

test("proxy: a target that asks for a certificate gets one, under the name that is given", async (t) => {
  const issuer = new Authority("/CN=test");
  const own = issuer.issue({ names: ["target.example"] });
  const client = issuer.issue({ names: ["client.example"] });
  const server = createTlsServer({ ...own, ca: issuer.cert, requestCert: true }, (socket: TLSSocket) => {
    const { subject } = socket.getPeerCertificate() as Partial<PeerCertificate>;
    const body = `${subject?.CN} ${(socket as { servername?: unknown }).servername}`;
    socket.on("error", () => {});
    socket.on("data", () => sendTo(socket, `HTTP/1.1 200 OK\nContent-Length: ${body.length}\n\n${body}`));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const app = proxy(url, { tls: { ...client, ca: issuer.cert, servername: "target.example" } });
  assert.equal(await (await request(app, "/")).text(), "client.example target.example");
  await app.close();
});

test("proxy: trailers without end cut the response, and the connection", async (t) => {
  const target = await rawTarget(t, (socket) => {
    sendTo(socket, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nhi\n0\n");
    const write = (): void => {
      while (!socket.destroyed && socket.write(`X-${"a".repeat(500)}: b\r\n`));
    };
    socket.on("drain", write);
    setTimeout(write, 20);
  });
  const { connect } = await start(t, proxy(target.url, { via: false }));
  const client = await connect();
  const answer = await client.get("/", "TE: trailers").all();
  assert.ok(answer.endsWith("\r\n\r\n2\r\nhi\r\n"), answer.slice(0, 1000));
  await target.untilLeft();
});
