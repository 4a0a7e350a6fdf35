import { Agent, createServer } from "node:http";
import { report } from "../report.js";
import { peer, upstream } from "./upstream.js";

const { createProxyServer } = await peer("httpxy");
const agent = new Agent({ keepAlive: true });
const proxy = createProxyServer({ target: `http://127.0.0.1:${await upstream()}`, agent, xfwd: true });
const server = createServer((request, response) => void proxy.web(request, response));
server.listen(0, "127.0.0.1", () => report(server.address().port));
