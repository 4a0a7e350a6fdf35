import { Elysia } from "elysia";

export const app = new Elysia().get("/path", ({ path }) => `elysia ${path}`);
