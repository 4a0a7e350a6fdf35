// The same app in every form that an app may take.
// $ npx tsgi examples/forms.ts
// $ curl "http://127.0.0.1:8000/{function,async-function,generator,async-generator,class}" --fail | uniq
// Hello, world

import { type App, notFound, type StartResponse } from "tsgi";
import { dispatcher } from "tsgi/middleware";

const asFunction: App = (_environ, startResponse) => {
  startResponse("200 OK", []);
  return "Hello, world\n";
};
const asAsyncFunction: App = async (_environ, startResponse) => {
  startResponse("200 OK", []);
  return ["Hello, ", await Promise.resolve("world\n")];
};
const asGenerator: App = function* (_environ, startResponse) {
  startResponse("200 OK", []);
  yield* ["Hello, ", "world\n"];
};
const asAsyncGenerator: App = async function* (_environ, startResponse) {
  startResponse("200 OK", []);
  yield "Hello, ";
  yield await Promise.resolve("world\n");
};
class Hello {
  constructor(startResponse: StartResponse) {
    startResponse("200 OK", []);
  }
  *[Symbol.iterator]() {
    yield "Hello, world\n";
  }
}
export const app = dispatcher(notFound, {
  "/function": asFunction,
  "/async-function": asAsyncFunction,
  "/generator": asGenerator,
  "/async-generator": asAsyncGenerator,
  "/class": (_environ, startResponse) => new Hello(startResponse),
});
