import Koa from "koa";
import compress from "koa-compress";
import { report } from "../report.js";
import { BODIES } from "./bodies.js";

const app = new Koa();
// Clients of a load test leave in the middle of a response; Koa would print each of them.
app.silent = true;
app.use(compress());
app.use((context) => {
  context.type = "application/json";
  context.body = BODIES[context.path];
});
const server = app.listen(0, "127.0.0.1", () => report(server.address().port));
