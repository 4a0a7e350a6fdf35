/** Every shape of module that the help promises, on every Node that is installed. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { nodeVersions } from "../support/node-versions.ts";
import { root } from "../support/session.ts";

/** Below the repository, so that the frameworks are in reach. */
mkdirSync(join(root, "dist"), { recursive: true });
const folder = mkdtempSync(join(root, "dist/shapes-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A file, its source, and what the command says that it is. Each answers `GET /path` with "ok". */
const SHAPES: readonly (readonly [file: string, source: string, what: string])[] = [
  [
    "hono.mjs",
    `import { Hono } from "hono"; export default new Hono().get("/path", (c) => c.text("ok"));`,
    "a Hono app",
  ],
  ["h3.mjs", `import { H3 } from "h3"; export default new H3().get("/path", () => "ok");`, "an h3 app"],
  [
    "elysia.mjs",
    `import { Elysia } from "elysia"; export default new Elysia().get("/path", () => "ok");`,
    "an Elysia app",
  ],
  [
    "itty.mjs",
    `import { AutoRouter } from "itty-router"; export default AutoRouter().get("/path", () => new Response("ok"));`,
    "a Fetch app",
  ],
  ["worker.mjs", `export default { fetch: () => new Response("ok") };`, "a Fetch app"],
  ["bun.mjs", `export default { port: 3000, fetch: () => new Response("ok") };`, "a Fetch app"],
  ["minified-class.mjs", `class t{fetch(){return new Response("ok")}}export default new t;`, "a Fetch app"],
  ["koa.mjs", `import Koa from "koa"; export default new Koa().use((c) => { c.body = "ok"; });`, "a Koa app"],
  [
    "fastify.mjs",
    `import f from "fastify"; const a = f(); a.get("/path", async () => "ok"); export default a;`,
    "a Fastify app",
  ],
  ["polka.mjs", `import p from "polka"; export default p().get("/path", (q, r) => r.end("ok"));`, "a Polka app"],
  [
    "express.mjs",
    `import e from "express"; export default e().get("/path", (q, r) => r.send("ok"));`,
    "an Express app",
  ],
  [
    "router.mjs",
    `import e from "express"; export default e.Router().get("/path", (q, r) => r.end("ok"));`,
    "an Express router",
  ],
  [
    "server.mjs",
    `import { createServer } from "node:http"; export default createServer((q, r) => r.end("ok"));`,
    "a Node server",
  ],
  ["connect.mjs", `import c from "connect"; export default c().use((q, r) => r.end("ok"));`, "a Connect app"],
  ["next.mjs", `export default (a, b, c) => b.end("ok");`, "a Node handler"],
  ["fetch.mjs", `export default async (request) => new Response("ok");`, "a Fetch handler"],
  ["fetch-of-nothing.mjs", `export default () => new Response("ok");`, "a Fetch handler"],
  ["tsgi.mjs", `export default (environ, start) => { start("200 OK", []); return "ok"; };`, ""],
  ["minified.mjs", `export default(e,t)=>(t("200 OK",[]),"ok");`, ""],
  ["misleading.mjs", `export default (req, res) => { res("200 OK", []); return "ok"; };`, ""],
  ["generator.mjs", `export default function* (environ, start) { start("200 OK", []); yield "ok"; }`, ""],
  ["stream.mjs", `export const app = async function* (...all) { all[1]("200 OK", []); yield "ok"; };`, ""],
  ["common.cjs", `module.exports = (environ, start) => { start("200 OK", []); return "ok"; };`, ""],
  ["common-app.cjs", `module.exports = { app(environ, start) { start("200 OK", []); return "ok"; } };`, ""],
  [
    "computed.cjs",
    `const all = { ["a" + "pp"]: (e, start) => { start("200 OK", []); return "ok"; } }; module.exports = all;`,
    "",
  ],
  [
    "common-hono.cjs",
    `const { Hono } = require("hono"); module.exports = new Hono().get("/path", (c) => c.text("ok"));`,
    "a Hono app",
  ],
  [
    "common-express.cjs",
    `module.exports = require("express")().get("/path", (q, r) => r.send("ok"));`,
    "an Express app",
  ],
  [
    "transpiled.cjs",
    `Object.defineProperty(exports, "__esModule", { value: true }); exports.default = { fetch: () => new Response("ok") };`,
    "a Fetch app",
  ],
  [
    "typed.ts",
    `const body: string = "ok"; export default { fetch: (): Response => new Response(body) };`,
    "a Fetch app",
  ],
  [
    "typed.mts",
    `const body: string = "ok"; export default { fetch: (): Response => new Response(body) };`,
    "a Fetch app",
  ],
  ["typed.cts", `const body: string = "ok"; export = { fetch: (): Response => new Response(body) };`, "a Fetch app"],
  [
    "extended.ts",
    `enum Body { ok = "ok" } export default { fetch: (): Response => new Response(Body.ok) };`,
    "a Fetch app",
  ],
  [
    "importing.ts",
    `import { body } from "./library.js"; export default { fetch: (): Response => new Response(body) };`,
    "a Fetch app",
  ],
];

for (const [file, source] of SHAPES) writeFileSync(join(folder, file), source);
writeFileSync(join(folder, "library.ts"), `export const body: string = "ok";`);

/** Loads each module as the command does, and prints what it is and what it answers. */
const SCRIPT = `
import { loadApp } from ${JSON.stringify(join(root, "dist/src/cli/load-app.js"))};
import { request } from ${JSON.stringify(join(root, "dist/src/testing.js"))};
for (const file of ${JSON.stringify(SHAPES.map(([file]) => file))}) {
  try {
    const { app, title } = await loadApp(file, { interface: undefined, isFactory: false });
    const answer = await (await request(app, "/path")).text();
    process.stdout.write(title.replace(/^.*?, |,$/g, "").replace(/^.*:(app|default)$/, "") + "|" + answer + "\\n");
  } catch (error) {
    process.stdout.write("failed|" + error.message + "\\n");
  }
}
process.exit();
`;

for (const { name, node } of nodeVersions) {
  test(`module shapes: ${name} loads every module that the help promises`, () => {
    const { stdout, stderr } = spawnSync(node, ["--input-type=module", "--eval", SCRIPT], {
      cwd: folder,
      encoding: "utf8",
      timeout: 60_000,
    });
    const lines = stdout.trim().split("\n");
    assert.deepEqual(
      SHAPES.map(([file], index) => [file, lines[index]]),
      SHAPES.map(([file, , what]) => [file, `${what}|ok`]),
      stderr,
    );
  });
}
