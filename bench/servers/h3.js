import { serve } from "h3";
import { app } from "./apps/h3.js";
import { report } from "./report.js";

const server = serve(app, { port: 0, hostname: "127.0.0.1", silent: true });
await server.ready();
report(Number(new URL(server.url).port));
