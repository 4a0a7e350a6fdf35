// Two middlewares of your own: one looks at the way in, one at the way out.
// $ npx tsgi examples/write-a-middleware.ts
// $ curl http://127.0.0.1:8000/
// Who are you?
// $ curl --header "Authorization: Bearer ada" http://127.0.0.1:8000/
// Hello, ada

import { type App, stack, text } from "tsgi";

/** The way in: answers by itself, or hands the request on with something added to a copy of the environ. */
function bearer(app: App): App {
  const refuse = text("Who are you?\n", { status: "401 Unauthorized", headers: [["WWW-Authenticate", "Bearer"]] });
  return function bearer(environ, startResponse) {
    const user = /^Bearer (\w+)$/.exec(environ.HTTP_AUTHORIZATION ?? "")?.[1];
    if (user === undefined) return refuse(environ, startResponse);
    return app({ ...environ, "bearer.user": user }, startResponse);
  };
}

/** The way out: passes a startResponse of its own, and the body as it is. */
function timing(app: App, { digits }: { digits: number }): App {
  return function timing(environ, startResponse) {
    const began = performance.now();
    return app(environ, (status, headers, error) => {
      const duration = (performance.now() - began).toFixed(digits);
      return startResponse(status, [...headers, ["Server-Timing", `app;dur=${duration}`]], error);
    });
  };
}

const hello: App = (environ, startResponse) => text(`Hello, ${environ["bearer.user"]}\n`)(environ, startResponse);

export const app = stack().use(timing, { digits: 1 }).use(bearer).run(hello);
