import fastifyStatic from "@fastify/static";
import fastify from "fastify";
import { HELLO, report } from "../report.js";
import { FILES } from "./files.js";

const app = fastify();
await app.register(fastifyStatic, {
  root: FILES,
  setHeaders: (reply) => reply.header("X-Content-Type-Options", "nosniff"),
});
app.setNotFoundHandler((_request, reply) => reply.code(200).type("text/plain").send(HELLO));
await app.listen({ port: 0, host: "127.0.0.1" });
report(app.server.address().port);
