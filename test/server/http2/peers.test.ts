import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectPlainly, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectSecurely } from "node:tls";
import type { App } from "../../../src/gateway.ts";
import { certificate } from "../../support/certificate.ts";
import { type Answer, ask, startHttp2, WAYS } from "../../support/http2-client.ts";

const LINE = "PROXY TCP4 192.0.2.7 198.51.100.1 55798 443\r\n";

/** Says who asks, and by what TLS. */
const who: App = (environ, startResponse) => {
  startResponse("200 OK", []);
  return [environ.REMOTE_ADDR, environ.REMOTE_PORT, environ.SSL_PROTOCOL, environ.SSL_TLS_SNI].join(" ");
};

async function over(t: TestContext, socket: Socket, scheme: string): Promise<Answer> {
  const session = connectHttp2(`${scheme}://a.example`, { createConnection: () => socket });
  t.after(() => session.destroy());
  return ask(session, { ":path": "/" });
}

for (const way of WAYS) {
  test(`http2: the client that a proxy announces is the one that the environ names (${way})`, async (t) => {
    const { server } = await startHttp2(t, who, { proxyProtocol: { from: ["127.0.0.1"] } }, way);
    const plain = connectPlainly(server.port, "127.0.0.1");
    plain.write(LINE);
    const isSecure = way === "ALPN";
    const socket = isSecure
      ? connectSecurely({ socket: plain, ALPNProtocols: ["h2"], rejectUnauthorized: false, servername: "a.example" })
      : plain;
    const { body } = await over(t, socket, isSecure ? "https" : "http");
    assert.equal(body, isSecure ? "192.0.2.7 55798 TLSv1.3 a.example" : "192.0.2.7 55798  ");
  });
}

test("http2: each certificate answers for its names, the first one for others", async (t) => {
  const { server } = await startHttp2(t, who, { tls: { certificates: [await certificate()] } });
  const socket = connectSecurely({
    port: server.port,
    ALPNProtocols: ["h2"],
    rejectUnauthorized: false,
    servername: "b.example",
  });
  const { body } = await over(t, socket, "https");
  assert.match(body, /^127\.0\.0\.1 \d+ TLSv1\.3 b\.example$/);
});
