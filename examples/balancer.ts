// Several servers elsewhere as one app, of which one is down; it needs `npm install undici@7`.
// $ npx tsgi examples/balancer.ts
// $ curl http://127.0.0.1:8000/
// first
// $ curl http://127.0.0.1:8000/
// second
// $ curl http://127.0.0.1:8000/
// first
// $ curl http://127.0.0.1:8000/status
// [["in",2],["in",1],["in",0]]

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "tsgi";
import { balancer, dispatcher } from "tsgi/middleware";

/** They would run on other hosts. */
async function target(name: string): Promise<string> {
  const server = createServer((_request, response) => response.end(`${name}\n`));
  await once(server.listen(0, "127.0.0.1").unref(), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

// In turn; by default it is the one that is expected to answer first.
const site = balancer([await target("first"), await target("second"), "http://127.0.0.1:1"], { balance: "roundRobin" });

export const app = dispatcher(site, {
  "/status": (environ, startResponse) =>
    json(site.status().targets.map(({ state, answers }) => [state, answers]))(environ, startResponse),
});
