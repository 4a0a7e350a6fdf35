import Koa from "koa";

export const app = new Koa().use((context) => {
  context.body = `koa ${context.path}`;
});
