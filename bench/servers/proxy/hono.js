import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { proxy } from "hono/proxy";
import { report } from "../report.js";
import { upstream } from "./upstream.js";

const origin = `http://127.0.0.1:${await upstream()}`;
const app = new Hono();
app.all("*", (context) => {
  const { pathname, search } = new URL(context.req.url);
  return proxy(`${origin}${pathname}${search}`, context.req);
});
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => report(port));
