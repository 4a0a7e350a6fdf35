import { H3, serve } from "h3";
import { HELLO, report, USERS } from "./report.js";
import { streamed } from "./streamed.js";

const app = new H3();
app.get("/", () => HELLO);
app.get("/json", () => USERS);
app.post("/echo", (event) => {
  event.res.headers.set("Content-Type", "text/plain");
  return event.req.text();
});
app.get("/chunks", (event) => {
  event.res.headers.set("Content-Type", "application/octet-stream");
  return streamed();
});
const server = serve(app, { port: 0, hostname: "127.0.0.1", silent: true });
await server.ready();
report(Number(new URL(server.url).port));
