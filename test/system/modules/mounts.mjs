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
