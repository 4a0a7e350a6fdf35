/** Two workers of `node:cluster`, which hands connections over in turn: of `node:http`, or with `tsgi` of the same app and engine. */

import cluster from "node:cluster";
import { createServer } from "node:http";
import { serve } from "tsgi";
import { HELLO } from "../report.js";
import { app } from "./app.js";

const hello = { "Content-Type": "text/plain", "Content-Length": Buffer.byteLength(HELLO) };

if (cluster.isPrimary) {
  let left = 2;
  cluster.on("listening", (_worker, { port }) => {
    if (--left === 0) console.log(`serving on http://127.0.0.1:${port}`);
  });
  cluster.fork();
  cluster.fork();
} else if (process.argv[2] === "tsgi") {
  await serve(app, { port: 0 });
} else {
  createServer((_request, response) => {
    response.writeHead(200, hello);
    response.end(HELLO);
  }).listen(0, "127.0.0.1");
}
