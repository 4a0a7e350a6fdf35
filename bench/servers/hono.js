import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { HELLO, report, USERS } from "./report.js";
import { streamed } from "./streamed.js";

const app = new Hono();
app.get("/", (context) => context.text(HELLO));
app.get("/json", (context) => context.json(USERS));
app.post("/echo", async (context) => context.text(await context.req.text()));
app.get("/chunks", (context) => context.body(streamed(), 200, { "Content-Type": "application/octet-stream" }));
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => report(port));
