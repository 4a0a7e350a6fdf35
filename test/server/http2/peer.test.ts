import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectSession } from "node:http2";
import { connect as connectTo } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectSecurely } from "node:tls";
import type { App } from "../../../src/gateway.ts";
import type { ServeOptions } from "../../../src/server/serve.ts";
import { Authority, selfSigned } from "../../support/authority.ts";
import { start } from "../../support/raw-client.ts";

const site = selfSigned({ names: ["localhost"] });
const authority = new Authority("/CN=People");
const ann = authority.issue({ subject: "/CN=Ann" });
const LINE = "PROXY TCP4 192.0.2.7 198.51.100.1 55798 443\r\n";

const who: App = (environ, startResponse) => {
  startResponse("200 OK", []);
  const { REMOTE_ADDR, REMOTE_PORT, SERVER_PROTOCOL, SSL_PROTOCOL, SSL_CLIENT_S_DN } = environ;
  return [SERVER_PROTOCOL, REMOTE_ADDR, REMOTE_PORT, SSL_PROTOCOL, SSL_CLIENT_S_DN].join(" ");
};

/** What the app says over HTTP/2 behind a proxy. */
async function said(t: TestContext, options: ServeOptions): Promise<string> {
  const { server } = await start(t, who, { http2: true, proxyProtocol: { from: ["127.0.0.1"] }, ...options });
  const plain = connectTo(server.port, "127.0.0.1");
  t.after(() => plain.destroy());
  plain.write(LINE);
  const secure =
    options.tls && connectSecurely({ socket: plain, rejectUnauthorized: false, ALPNProtocols: ["h2"], ...ann });
  if (secure !== undefined) await once(secure, "secureConnect");
  const session = connectSession("http://localhost", { createConnection: () => secure ?? plain });
  t.after(() => session.destroy());
  const stream = session.request({ ":path": "/" }).setEncoding("utf8");
  let text = "";
  for await (const chunk of stream) text += chunk;
  return text;
}

test("http2: a proxy says who the client is, before prior knowledge", async (t) => {
  assert.equal(await said(t, {}), "HTTP/2.0 192.0.2.7 55798  ");
});

test("http2: a proxy says who the client is, before TLS, and its certificate who it says it is", async (t) => {
  const tls = { ...site, ca: authority.cert, clientCertificates: "require" } as const;
  assert.equal(await said(t, { tls }), "HTTP/2.0 192.0.2.7 55798 TLSv1.3 CN=Ann");
});
