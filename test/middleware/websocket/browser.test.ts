import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { dispatcher } from "../../../middleware/dispatcher.ts";
import { type WebsocketConnection, websocket } from "../../../middleware/websocket.ts";
import { html } from "../../../src/apps.ts";
import { type Server, serve } from "../../../src/server/serve.ts";
import { stack } from "../../../src/stack.ts";
import { certificate } from "../../support/certificate.ts";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));
const skip = executablePath === undefined ? "chromium is not installed" : false;
const args = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--ignore-certificate-errors",
];

const sockets = new Set<WebsocketConnection>();
const room = websocket(
  {
    open: (socket) => sockets.add(socket),
    message(_socket, data) {
      for (const each of sockets) each.send(data);
    },
    close: (socket) => sockets.delete(socket),
  },
  { protocols: ["chat"], compress: true },
);

/** Opens a socket in a page, and tells what happens to it. */
const PAGE = `<!doctype html><title>Chat</title><script>
  const events = [];
  function join(url, protocol) {
    window.socket = new WebSocket(url, protocol);
    return new Promise((resolve) => {
      socket.onopen = () => resolve("open " + socket.protocol + " " + document.cookie);
      socket.onmessage = ({ data }) => events.push(data);
      socket.onclose = ({ code, reason }) => {
        events.push(code + " " + reason);
        resolve("closed " + code);
      };
    });
  }
</script>`;

let server: Server;
let other: Server;
let browser: Browser;

before(async () => {
  if (executablePath === undefined) return;
  const site = stack()
    .use(
      (app) => (environ, startResponse) =>
        app(environ, (status, headers, error) =>
          startResponse(status, status.startsWith("101") ? [...headers, ["Set-Cookie", "seen=yes"]] : headers, error),
        ),
    )
    .use(dispatcher, { "/room": room })
    .run(html(PAGE));
  server = await serve(site, { port: 0 });
  other = await serve(html(PAGE), { port: 0 });
  browser = await chromium.launch({ executablePath, args });
});

after(async () => {
  await browser?.close();
  await server?.close({ grace: 0 });
  await other?.close({ grace: 0 });
});

async function join(url: string, protocol = "chat"): Promise<{ page: Page; outcome: string }> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(url);
  const target = `${server.url.replace("http", "ws")}/room`;
  const outcome = await page.evaluate(`join(${JSON.stringify(target)}, ${JSON.stringify(protocol)})`);
  return { page, outcome: outcome as string };
}

test("websocket: pages in Chromium talk to each other, and get the cookie of a layer", { skip }, async () => {
  const ada = await join(server.url);
  const bob = await join(server.url);
  assert.deepEqual([ada.outcome, bob.outcome], Array(2).fill("open chat seen=yes"));
  await ada.page.evaluate('socket.send("grüße ".repeat(1000))');
  for (const { page } of [ada, bob]) await page.waitForFunction('events[0] === "grüße ".repeat(1000)');
});

test("websocket: a page of another origin is refused by default", { skip }, async () => {
  const { outcome } = await join(other.url);
  assert.equal(outcome, "closed 1006");
});

test("websocket: a page is told when the server closes", { skip }, async () => {
  const { page, outcome } = await join(server.url);
  assert.equal(outcome, "open chat seen=yes");
  const closing = server.close();
  await page.waitForFunction('events[0] === "1001 The server is closing"');
  await closing;
});

test("websocket: a page in Chromium uses HTTP/2, and hears when the server closes", { skip }, async (t) => {
  const protocols: string[] = [];
  const echo = websocket({
    open: (_socket, { SERVER_PROTOCOL }) => protocols.push(SERVER_PROTOCOL),
    message: (socket, data) => socket.send(data),
  });
  const secure = await serve(dispatcher(html(PAGE), { "/room": echo }), {
    port: 0,
    http2: true,
    tls: await certificate(),
  });
  t.after(() => secure.close({ grace: 0 }));
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  await page.goto(secure.url);
  assert.equal(await page.evaluate(`join("${secure.url.replace("https", "wss")}/room")`), "open  ");
  await page.evaluate('socket.send("grüße ".repeat(20000))');
  await page.waitForFunction('events[0] === "grüße ".repeat(20000)');
  const closing = secure.close();
  await page.waitForFunction('events[1] === "1001 The server is closing"');
  await closing;
  assert.deepEqual(protocols, ["HTTP/2.0"]);
});
