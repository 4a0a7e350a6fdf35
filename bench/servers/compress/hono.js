import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { compress } from "hono/compress";
import { report } from "../report.js";
import { BODIES } from "./bodies.js";

const app = new Hono();
app.use(compress());
app.get("/:size", (context) => context.body(BODIES[context.req.path], 200, { "Content-Type": "application/json" }));
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => report(port));
