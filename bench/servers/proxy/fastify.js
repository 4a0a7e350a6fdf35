import fastify from "fastify";
import { report } from "../report.js";
import { peer, upstream } from "./upstream.js";

const { default: httpProxy } = await peer("@fastify/http-proxy");
const app = fastify();
app.register(httpProxy, { upstream: `http://127.0.0.1:${await upstream()}` });
await app.listen({ port: 0, host: "127.0.0.1" });
report(app.server.address().port);
