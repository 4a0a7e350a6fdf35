import { createServer } from "node:http";
import { CHUNK, CHUNKS, HELLO, report, USERS } from "./report.js";

const server = createServer((request, response) => {
  if (request.url === "/json") {
    const body = JSON.stringify(USERS);
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  } else if (request.url === "/echo") {
    const parts = [];
    request.on("data", (chunk) => parts.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": body.length });
      response.end(body);
    });
  } else if (request.url === "/chunks") {
    response.writeHead(200, { "Content-Type": "application/octet-stream" });
    for (let index = 0; index < CHUNKS; index++) response.write(CHUNK);
    response.end();
  } else {
    response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": Buffer.byteLength(HELLO) });
    response.end(HELLO);
  }
});
server.listen(0, "127.0.0.1", () => report(server.address().port));
