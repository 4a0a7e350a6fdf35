import express from "express";
import { CHUNK, CHUNKS, HELLO, report, USERS } from "./report.js";

const app = express();
app.get("/", (_request, response) => response.type("text/plain").send(HELLO));
app.get("/json", (_request, response) => response.json(USERS));
app.post("/echo", express.raw({ type: "*/*" }), (request, response) => response.type("text/plain").send(request.body));
app.get("/chunks", (_request, response) => {
  response.type("application/octet-stream");
  for (let index = 0; index < CHUNKS; index++) response.write(CHUNK);
  response.end();
});
const server = app.listen(0, "127.0.0.1", () => report(server.address().port));
