// An API for pages of one other origin, and a page for those who know the password.
// $ npx tsgi examples/guarded.ts
// $ curl --silent http://127.0.0.1:8000/api --data hello
// You sent 5 bytes
// $ curl --silent http://127.0.0.1:8000/api --data hello --header "Sec-Fetch-Site: cross-site"
// Forbidden: the request comes from another site
// $ curl --silent http://127.0.0.1:8000/api --data "$(seq 1000)"
// Content Too Large
// $ curl --silent http://127.0.0.1:8000/admin
// Unauthorized
// $ curl --silent http://127.0.0.1:8000/admin --user ann:secret
// Hello, ann

import { type App, readBytes, stack, text } from "tsgi";
import { basicAuth, bodyLimit, cors, csrf, dispatcher, secureHeaders, timeout } from "tsgi/middleware";

const api: App = async (environ, startResponse) => {
  const { length } = await readBytes(environ);
  return text(`You sent ${length} bytes\n`)(environ, startResponse);
};
const admin: App = (environ, startResponse) => text(`Hello, ${environ.REMOTE_USER}\n`)(environ, startResponse);

const origins = ["https://app.example.com"];

export const app = stack()
  .use(secureHeaders)
  .use(csrf, { trustedOrigins: origins })
  .use(timeout, { after: 5_000 })
  .run(
    dispatcher(text("Welcome\n"), {
      "/api": cors(bodyLimit(api, { limit: 1024 }), { origins, methods: ["GET", "POST"] }),
      "/admin": basicAuth(admin, { users: { ann: "secret" } }),
    }),
  );
