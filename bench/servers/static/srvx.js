import { FastResponse, serve } from "srvx";
import { staticMiddleware } from "srvx/static";
import { HELLO, report } from "../report.js";
import { FILES } from "./files.js";

const server = serve({
  port: 0,
  hostname: "127.0.0.1",
  silent: true,
  middleware: [staticMiddleware({ dir: FILES, maxAge: 0, compress: false })],
  fetch: () => new FastResponse(HELLO, { headers: { "Content-Type": "text/plain" } }),
});
await server.ready();
report(Number(new URL(server.url).port));
