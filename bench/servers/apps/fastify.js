import { Readable } from "node:stream";
import fastify from "fastify";
import { CHUNK, CHUNKS, HELLO, USERS } from "../report.js";

export const app = fastify();
app.addContentTypeParser("text/plain", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
app.get("/pages/:page", (_request, reply) => reply.type("text/plain").send(HELLO));
app.get("/json", (_request, reply) => reply.send(USERS));
app.post("/echo", (request, reply) => reply.type("text/plain").send(request.body));
app.get("/chunks", (_request, reply) =>
  reply.type("application/octet-stream").send(Readable.from(Array(CHUNKS).fill(CHUNK))),
);
