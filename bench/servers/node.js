import { createServer } from "node:http";
import { createServer as createHttp2Server, createSecureServer as createSecureHttp2Server } from "node:http2";
import { createServer as createSecureServer } from "node:https";
import { certificate } from "./certificate.js";
import { CHUNK, CHUNKS, HELLO, pathOf, report, USERS } from "./report.js";

const hello = { "Content-Type": "text/plain", "Content-Length": Buffer.byteLength(HELLO) };
const chunks = { "Content-Type": "application/octet-stream" };

function answer(request, response) {
  switch (pathOf(request.url)) {
    case "/json": {
      const body = JSON.stringify(USERS);
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
      response.end(body);
      break;
    }
    case "/echo": {
      const parts = [];
      request.on("data", (chunk) => parts.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(parts);
        response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": body.length });
        response.end(body);
      });
      break;
    }
    case "/chunks":
      response.writeHead(200, chunks);
      for (let index = 0; index < CHUNKS; index++) response.write(CHUNK);
      response.end();
      break;
    default:
      response.writeHead(200, hello);
      response.end(HELLO);
  }
}

const variants = {
  https: () => createSecureServer(certificate(), answer),
  http2: () => createHttp2Server(answer),
  http2tls: () => createSecureHttp2Server(certificate(), answer),
  idle: () => createServer({ headersTimeout: 120_000, keepAliveTimeout: 120_000 }, answer),
};
const server = variants[process.argv[2]]?.() ?? createServer(answer);
server.listen(0, "127.0.0.1", () => report(server.address().port));
