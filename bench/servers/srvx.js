import { FastResponse, serve } from "srvx";
import { streamed } from "./apps/streamed.js";
import { HELLO, report, USERS } from "./report.js";

const plain = { headers: { "Content-Type": "text/plain" } };
const server = serve({
  port: 0,
  hostname: "127.0.0.1",
  silent: true,
  // srvx's own Response: Node's costs several times as much here, and is sent in chunks, without a Content-Length.
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/json") return FastResponse.json(USERS);
    if (pathname === "/echo") return new FastResponse(await request.text(), plain);
    if (pathname === "/chunks") {
      return new FastResponse(streamed(), { headers: { "Content-Type": "application/octet-stream" } });
    }
    return new FastResponse(HELLO, plain);
  },
});
await server.ready();
report(Number(new URL(server.url).port));
