import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { etag } from "hono/etag";
import { HELLO, report } from "../report.js";
import { FILES } from "./files.js";

const app = new Hono();
if (process.argv[2] === "etag") app.use(etag());
app.use(
  serveStatic({
    root: FILES,
    onFound(_path, context) {
      context.header("Cache-Control", "no-cache");
      context.header("X-Content-Type-Options", "nosniff");
    },
  }),
);
app.get("*", (context) => context.text(HELLO));
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => report(port));
