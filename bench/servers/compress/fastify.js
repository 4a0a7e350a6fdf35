import { constants } from "node:zlib";
import compress from "@fastify/compress";
import fastify from "fastify";
import { report } from "../report.js";
import { BODIES } from "./bodies.js";

const app = fastify();
// Its own default is Node's, the highest quality.
await app.register(compress, { brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } } });
app.get("/:size", (request, reply) => reply.type("application/json").send(BODIES[`/${request.params.size}`]));
await app.listen({ port: 0, host: "127.0.0.1" });
report(app.server.address().port);
