import { notFound, text } from "tsgi";
import { dispatcher } from "tsgi/middleware";

const broken = (_environ, _startResponse) => {
  throw new Error("no database");
};
const stray = (environ, startResponse) => {
  void Promise.reject(new Error("nobody waits"));
  return text("ok")(environ, startResponse);
};

export const app = dispatcher(dispatcher(notFound, { "/below": text("below") }), {
  "/fine": text("fine"),
  "/users/:id{/:tab}": dispatcher(notFound, { "/broken": broken }),
});
export const fine = dispatcher(notFound, { "/fine": text("fine") });
export const strays = dispatcher(notFound, { "/stray": stray });

// A middleware that says what it wraps, and one of routes.
const wrapping = (inner) =>
  Object.assign((environ, startResponse) => inner[0].app(environ, startResponse), {
    [Symbol.for("tsgi.wraps")]: inner,
  });
export const wrapped = wrapping([
  { app: fine },
  { app: text("a user"), label: "GET /users/:id" },
  { app: text("changed"), label: "PUT /users/:id" },
]);
