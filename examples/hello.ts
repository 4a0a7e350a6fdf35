// $ npx tsgi examples/hello.ts
// $ curl http://127.0.0.1:8000/world?greeting=Hi
// Hi from GET /world

import type { App } from "tsgi";

/** An app takes the request and a function that starts the response; what it returns is the body. */
export const app: App = (environ, startResponse) => {
  const greeting = new URLSearchParams(environ.QUERY_STRING).get("greeting") ?? "Hello";
  startResponse("200 OK", [["Content-Type", "text/plain; charset=utf-8"]]);
  return `${greeting} from ${environ.REQUEST_METHOD} ${environ.PATH_INFO}\n`;
};
