import { createServer } from "node:http";
import serveStatic from "serve-static";
import { HELLO, report } from "../report.js";
import { FILES } from "./files.js";

const serve = serveStatic(FILES, {
  setHeaders: (response) => response.setHeader("X-Content-Type-Options", "nosniff"),
});
const server = createServer((request, response) =>
  serve(request, response, (error) => {
    const body = error === undefined ? HELLO : "failed";
    const headers = { "Content-Type": "text/plain", "Content-Length": Buffer.byteLength(body) };
    response.writeHead(error === undefined ? 200 : 500, headers);
    response.end(body);
  }),
);
server.listen(0, "127.0.0.1", () => report(server.address().port));
