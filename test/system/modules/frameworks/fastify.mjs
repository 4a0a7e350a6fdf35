import Fastify from "fastify";

export const app = Fastify();
app.get("/path", (request, reply) => reply.send(`fastify ${request.url}`));

export const broken = Fastify();
broken.register(async () => {
  throw new Error("no plugin");
});
