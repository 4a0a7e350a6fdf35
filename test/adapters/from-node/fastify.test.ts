/** Fastify with its usual plugins: the same through the gateway, mounted or not, as on its own server. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import compress from "@fastify/compress";
import cookie from "@fastify/cookie";
import cors from "@fastify/cors";
import formbody from "@fastify/formbody";
import multipart from "@fastify/multipart";
import session from "@fastify/session";
import serveStatic from "@fastify/static";
import fastify, { type FastifyInstance } from "fastify";
import { fromNode } from "../../../src/adapters/from-node.ts";
import { fileTree } from "../../support/file-tree.ts";
import { keepsSession, sideBySide } from "../../support/side-by-side.ts";

const files = await fileTree({
  "a.txt": "0123456789",
  "sub/index.html": "<p>sub",
  "large.txt": "text ".repeat(20_000),
});

function site(): FastifyInstance {
  const app = fastify({ trustProxy: true, logger: false });
  app.register(compress, { threshold: 1000 });
  app.register(cookie, { secret: "secret" });
  app.register(session, { secret: "a secret of thirty-two characters", cookieName: "sid", cookie: { secure: false } });
  app.register(cors, { origin: "https://a.example" });
  app.register(formbody);
  app.register(multipart);
  app.register(serveStatic, { root: files, prefix: "/static/" });
  app.addContentTypeParser("text/x", { parseAs: "string" }, (_request, body, done) => done(null, `parsed ${body}`));
  app.addHook("onSend", async (_request, reply, payload) => {
    reply.header("X-After", String(reply.statusCode));
    return payload;
  });
  app.register(async (scope) => {
    scope.get("/facts", ({ method, protocol, ip, hostname, query, originalUrl, headers }) => ({
      method,
      protocol,
      ip,
      hostname,
      query,
      accept: headers.accept ?? null,
      ends: originalUrl.endsWith("/facts?a=b&a=c"),
    }));
    scope.post("/body", ({ body }) => ({ body }));
    scope.post("/upload", async (request) => {
      const parts: string[] = [];
      for await (const part of request.parts()) {
        parts.push(
          part.type === "file" ? `${part.filename}: ${await part.toBuffer()}` : `${part.fieldname}=${part.value}`,
        );
      }
      return parts;
    });
    scope.post(
      "/schema",
      { schema: { body: { type: "object", required: ["a"], properties: { a: { type: "integer" } } } } },
      ({ body }) => body,
    );
    scope.get("/users/:id/*", ({ params }) => params);
    scope.get("/string", (_request, reply) => reply.type("text/html").send("<p>text"));
    scope.get("/buffer", (_request, reply) => reply.send(Buffer.from("buffer")));
    scope.get("/stream", (_request, reply) => reply.type("text/plain").send(Readable.from(["one", "two"])));
    scope.get("/web", () => new Response("web", { status: 201, headers: { "X-Web": "1" } }));
    scope.get("/empty", (_request, reply) => reply.code(204).send());
    scope.get("/redirect", (_request, reply) => reply.redirect("../elsewhere?x=1", 301));
    scope.get("/cookies", (request, reply) =>
      reply
        .setCookie("plain", "1", { httpOnly: true })
        .setCookie("signed", "2", { signed: true })
        .send(request.cookies),
    );
    scope.get("/visits", (request) => {
      const data = request.session as { visits?: number };
      data.visits = (data.visits ?? 0) + 1;
      return `visit ${data.visits}`;
    });
    scope.get("/large", (_request, reply) => reply.type("text/plain").send("text ".repeat(20_000)));
    scope.get("/hijacked", (_request, reply) => {
      reply.hijack();
      reply.raw.writeHead(201, { "X-By": "hand" });
      reply.raw.end("by hand");
    });
    scope.get("/file", (_request, reply) => reply.sendFile("a.txt"));
    scope.get("/download", (_request, reply) => reply.download("a.txt", "b.txt"));
    scope.get("/thrown", () => {
      throw Object.assign(new Error("thrown"), { statusCode: 422 });
    });
    scope.get("/wrong", async () => {
      throw new Error("wrong");
    });
  });
  return app;
}

const JSON_TYPE = { "Content-Type": "application/json" };
const UPLOAD = ["--x", 'Content-Disposition: form-data; name="a"', "", "1", "--x"]
  .concat(
    'Content-Disposition: form-data; name="f"; filename="f.txt"',
    "Content-Type: text/plain",
    "",
    "file",
    "--x--",
    "",
  )
  .join("\r\n");

const native = site();
await native.ready();
const listener = (request: IncomingMessage, response: ServerResponse): void => native.routing(request, response);

const ask = sideBySide("Fastify", listener, fromNode(site()), [
  ["/facts?a=b&a=c", { headers: { "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https" } }],
  ["/body", { method: "POST", headers: JSON_TYPE, body: '{"a":[1]}' }],
  ["/body", { method: "POST", headers: JSON_TYPE, body: "{broken" }],
  ["/body", { method: "POST", headers: JSON_TYPE, body: "" }],
  ["/body", { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: "a=1&c=d" }],
  ["/body", { method: "POST", headers: { "Content-Type": "text/x" }, body: "text" }],
  ["/body", { method: "POST", headers: { "Content-Type": "image/png" }, body: "png" }],
  ["/body", { method: "POST", headers: JSON_TYPE, body: `["${"x".repeat(2_000_000)}"]` }],
  ["/upload", { method: "POST", headers: { "Content-Type": "multipart/form-data; boundary=x" }, body: UPLOAD }],
  [
    "/upload",
    { method: "POST", headers: { "Content-Type": "multipart/form-data; boundary=x" }, body: UPLOAD.slice(0, 99) },
  ],
  ["/schema", { method: "POST", headers: JSON_TYPE, body: '{"a":"1"}' }],
  ["/schema", { method: "POST", headers: JSON_TYPE, body: "{}" }],
  ["/users/7/a/b%20c", {}],
  ["/string", {}],
  ["/string", { method: "HEAD" }],
  ["/string", { method: "OPTIONS", headers: { Origin: "https://a.example", "Access-Control-Request-Method": "GET" } }],
  ["/string", { headers: { Origin: "https://b.example" } }],
  ["/buffer", {}],
  ["/stream", {}],
  ["/web", {}],
  ["/empty", {}],
  ["/redirect", {}],
  ["/cookies", { headers: { Cookie: "a=1; d=2" } }],
  ["/visits", {}],
  ["/large", { headers: { "Accept-Encoding": "gzip" } }],
  ["/large", { headers: { "Accept-Encoding": "br" }, method: "HEAD" }],
  ["/large", {}],
  ["/hijacked", {}],
  ["/file", {}],
  ["/download", {}],
  ["/thrown", {}],
  ["/wrong", {}],
  ["/nothing", {}],
  ["/static/a.txt", {}],
  ["/static/a.txt", { headers: { Range: "bytes=2-4" } }],
  ["/static/sub/", {}],
  ["/static/large.txt", { headers: { "Accept-Encoding": "gzip" } }],
]);

keepsSession("Fastify", ask);
