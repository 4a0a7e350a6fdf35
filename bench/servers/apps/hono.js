import { Hono } from "hono";
import { HELLO, USERS } from "../report.js";
import { streamed } from "./streamed.js";

export const app = new Hono();
app.get("/pages/:page", (context) => context.text(HELLO));
app.get("/json", (context) => context.json(USERS));
app.post("/echo", async (context) => context.text(await context.req.text()));
app.get("/chunks", (context) => context.body(streamed(), 200, { "Content-Type": "application/octet-stream" }));
