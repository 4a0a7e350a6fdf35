import { Agent, createServer } from "node:http";
import { report } from "../report.js";
import { peer, upstream } from "./upstream.js";

const { createProxyMiddleware } = await peer("http-proxy-middleware");
// Without an agent it opens a connection for each request.
const agent = new Agent({ keepAlive: true });
const handle = createProxyMiddleware({ target: `http://127.0.0.1:${await upstream()}`, agent, xfwd: true });
const server = createServer(handle).listen(0, "127.0.0.1", () => report(server.address().port));
