import { handler } from "./site.js";

console.log(Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: handler }).port);
