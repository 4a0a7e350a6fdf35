// A server elsewhere as an app, guarded and mounted as any other; it needs `npm install undici@7`.
// $ npx tsgi examples/proxy.ts
// $ curl http://127.0.0.1:8000/shop/cart
// the shop: /cart of /shop, for 127.0.0.1
// $ curl http://127.0.0.1:8000/shop/admin
// Forbidden
// $ curl --output /dev/null --write-out "%{http_code} %header{location}" http://127.0.0.1:8000/shop/login
// 302 /shop/cart
// $ curl http://127.0.0.1:8000/gone
// 502 Bad Gateway

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { notFound, stack, text } from "tsgi";
import { dispatcher, proxy } from "tsgi/middleware";

/** It would run on another host, and need not be written in JavaScript. */
const shop = createServer((request, response) => {
  const { "x-forwarded-prefix": mount, "x-forwarded-for": client } = request.headers;
  if (request.url === "/login") response.writeHead(302, { Location: "/cart" }).end();
  else response.end(`the shop: ${request.url} of ${mount}, for ${client}\n`);
});
await once(shop.listen(0, "127.0.0.1").unref(), "listening");
const { port } = shop.address() as AddressInfo;

const guarded = stack()
  .use(dispatcher, { "/admin": text("Forbidden\n", { status: "403 Forbidden" }) })
  .run(proxy(`http://127.0.0.1:${port}`));

export const app = dispatcher(notFound, {
  "/shop": guarded,
  "/gone": proxy("http://127.0.0.1:1"),
});
