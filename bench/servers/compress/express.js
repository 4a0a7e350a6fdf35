import compression from "compression";
import express from "express";
import { report } from "../report.js";
import { BODIES } from "./bodies.js";

const app = express().disable("x-powered-by");
if (process.argv[2] !== "etag") app.disable("etag").use(compression());
app.get("/:size", (request, response) => response.type("application/json").send(BODIES[request.path]));
const server = app.listen(0, "127.0.0.1", () => report(server.address().port));
