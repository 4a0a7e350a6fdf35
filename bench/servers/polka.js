import polka from "polka";
import { CHUNK, CHUNKS, HELLO, report, USERS } from "./report.js";

const app = polka()
  .get("/pages/:page", (_request, response) => {
    response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": Buffer.byteLength(HELLO) });
    response.end(HELLO);
  })
  .get("/json", (_request, response) => {
    const body = JSON.stringify(USERS);
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  })
  .post("/echo", (request, response) => {
    const parts = [];
    request.on("data", (chunk) => parts.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": body.length });
      response.end(body);
    });
  })
  .get("/chunks", (_request, response) => {
    response.writeHead(200, { "Content-Type": "application/octet-stream" });
    for (let index = 0; index < CHUNKS; index++) response.write(CHUNK);
    response.end();
  });
app.listen(0, "127.0.0.1", () => report(app.server.address().port));
