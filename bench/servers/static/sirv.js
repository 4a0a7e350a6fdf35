import { createServer } from "node:http";
import sirv from "sirv";
import { HELLO, report } from "../report.js";
import { FILES } from "./files.js";

const serve = sirv(FILES, {
  dev: process.argv[2] === "dev",
  etag: true,
  maxAge: 0,
  setHeaders: (response) => response.setHeader("X-Content-Type-Options", "nosniff"),
});
const server = createServer((request, response) =>
  serve(request, response, () => {
    response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": Buffer.byteLength(HELLO) });
    response.end(HELLO);
  }),
);
server.listen(0, "127.0.0.1", () => report(server.address().port));
