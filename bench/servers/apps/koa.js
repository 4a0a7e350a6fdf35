import { Readable } from "node:stream";
import Koa from "koa";
import { CHUNK, CHUNKS, HELLO, USERS } from "../report.js";

export const app = new Koa();
// Clients of a load test leave in the middle of a response; Koa would print each of them.
app.silent = true;
app.use(async (context) => {
  if (context.path === "/json") context.body = USERS;
  else if (context.path === "/echo") {
    context.body = await collected(context.req);
    context.type = "text/plain";
  } else if (context.path === "/chunks") context.body = Readable.from(Array(CHUNKS).fill(CHUNK));
  else context.body = HELLO;
});

/** The body of a request, as everybody else here reads it; `buffer` of node:stream/consumers goes through a Blob. */
function collected(request) {
  return new Promise((resolve, reject) => {
    const parts = [];
    request.on("data", (chunk) => parts.push(chunk));
    request.on("end", () => resolve(Buffer.concat(parts)));
    request.on("error", reject);
  });
}
