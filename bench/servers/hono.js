import { serve } from "@hono/node-server";
import { app } from "./apps/hono.js";
import { report } from "./report.js";

serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => report(port));
