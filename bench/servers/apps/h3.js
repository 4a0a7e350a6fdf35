import { H3 } from "h3";
import { HELLO, USERS } from "../report.js";
import { streamed } from "./streamed.js";

export const app = new H3();
app.get("/pages/:page", () => HELLO);
app.get("/json", () => USERS);
app.post("/echo", (event) => {
  event.res.headers.set("Content-Type", "text/plain");
  return event.req.text();
});
app.get("/chunks", (event) => {
  event.res.headers.set("Content-Type", "application/octet-stream");
  return streamed();
});
