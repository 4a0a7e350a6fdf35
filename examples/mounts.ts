// Several apps under one server, and the table of what is mounted where.
// $ npx tsgi examples/mounts.ts
// $ curl http://127.0.0.1:8000/shop/cart
// mounted at /shop, called for /cart
// $ curl http://127.0.0.1:8000/users/ada/blog/first
// mounted at /users/ada/blog, called for /first, user ada
// $ curl http://127.0.0.1:8000/
// site
// ├── /shop → shop
// ├── /users/:user/blog → shop
// └── (else) → overview

import { type App, text } from "tsgi";
import { dispatcher, mountTree } from "tsgi/middleware";

/** An app need not know where it is mounted: SCRIPT_NAME tells. */
const shop: App = function shop(environ, startResponse) {
  const { user } = environ["tsgi.params"];
  startResponse("200 OK", [["Content-Type", "text/plain; charset=utf-8"]]);
  return `mounted at ${environ.SCRIPT_NAME}, called for ${environ.PATH_INFO}${user ? `, user ${user}` : ""}\n`;
};

const overview: App = function overview(environ, startResponse) {
  return text(`${mountTree(app).replace("dispatcher", "site")}\n`)(environ, startResponse);
};

export const app = dispatcher(overview, {
  "/shop": shop,
  "/users/:user/blog": shop,
});
