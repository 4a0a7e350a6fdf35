import { Readable } from "node:stream";
import fastify from "fastify";
import { CHUNK, CHUNKS, HELLO, report, USERS } from "./report.js";

const app = fastify();
app.addContentTypeParser("text/plain", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
app.get("/", (_request, reply) => reply.type("text/plain").send(HELLO));
app.get("/json", (_request, reply) => reply.send(USERS));
app.post("/echo", (request, reply) => reply.type("text/plain").send(request.body));
app.get("/chunks", (_request, reply) =>
  reply.type("application/octet-stream").send(Readable.from(Array(CHUNKS).fill(CHUNK))),
);
await app.listen({ port: 0, host: "127.0.0.1" });
report(app.server.address().port);
