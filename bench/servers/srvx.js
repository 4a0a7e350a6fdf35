import { serve } from "srvx";
import { HELLO, report, USERS } from "./report.js";
import { streamed } from "./streamed.js";

const plain = { headers: { "Content-Type": "text/plain" } };
const server = serve({
  port: 0,
  hostname: "127.0.0.1",
  silent: true,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/json") return Response.json(USERS);
    if (pathname === "/echo") return new Response(await request.arrayBuffer(), plain);
    if (pathname === "/chunks") return new Response(streamed());
    return new Response(HELLO, plain);
  },
});
await server.ready();
report(Number(new URL(server.url).port));
