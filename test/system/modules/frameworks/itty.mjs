import { AutoRouter } from "itty-router";

export const app = AutoRouter().get("/path", (request) => new Response(`itty ${new URL(request.url).pathname}`));
