import express from "express";
import { CHUNK, CHUNKS, HELLO, USERS } from "../report.js";

export const app = express();
app.get("/pages/:page", (_request, response) => response.type("text/plain").send(HELLO));
app.get("/json", (_request, response) => response.json(USERS));
app.post("/echo", express.raw({ type: "*/*" }), (request, response) => response.type("text/plain").send(request.body));
app.get("/chunks", (_request, response) => {
  response.type("application/octet-stream");
  for (let index = 0; index < CHUNKS; index++) response.write(CHUNK);
  response.end();
});
