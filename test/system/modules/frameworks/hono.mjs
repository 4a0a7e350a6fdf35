import { Hono } from "hono";

export const app = new Hono().get("/path", (context) => context.text(`hono ${context.req.path}`));
export const factory = async () => app;
