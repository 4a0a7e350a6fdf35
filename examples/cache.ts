// A slow page that is made once a minute, and anew as soon as it changes.
// $ npx tsgi examples/cache.ts
// $ curl --silent --output /dev/null --write-out "%header{cache-status}" http://127.0.0.1:8000/
// tsgi; fwd=uri-miss; stored
// $ curl --silent --output /dev/null --write-out "%header{cache-status}" http://127.0.0.1:8000/
// tsgi; hit; ttl=60
// $ curl --silent --request PUT --data-binary "Good evening" http://127.0.0.1:8000/
// $ curl --silent http://127.0.0.1:8000/
// Good evening

import { setTimeout } from "node:timers/promises";
import { type App, notFound } from "tsgi";
import { readText } from "tsgi/body";
import { cache, router } from "tsgi/middleware";

let greeting = "Good morning";

const read: App = async (_environ, startResponse) => {
  await setTimeout(200);
  startResponse("200 OK", [
    ["Content-Type", "text/plain"],
    ["Cache-Control", "s-maxage=60, stale-while-revalidate=600"],
  ]);
  return `${greeting}\n`;
};

const write: App = async (environ, startResponse) => {
  greeting = await readText(environ["tsgi.input"]);
  startResponse("204 No Content", []);
};

export const app = cache(router(notFound, { "/": read, "PUT /": write }));
