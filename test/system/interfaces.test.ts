import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Command } from "../support/command.ts";

const { ended, running } = new Command(fileURLToPath(new URL("modules/frameworks", import.meta.url)));

for (const [app, what, body, ...options] of [
  ["plain.mjs:ofTsgi", undefined, "tsgi /path"],
  ["express.mjs:app", "an Express app", "express /path"],
  ["connect.mjs:app", "a Connect app", "connect /path"],
  ["koa.mjs:app", "a Koa app", "koa /path"],
  ["fastify.mjs:app", "a Fastify app", "fastify /path"],
  ["polka.mjs:app", "a Polka app", "polka /path"],
  ["hono.mjs:app", "a Hono app", "hono /path"],
  ["h3.mjs:app", "an h3 app", "h3 /path"],
  ["elysia.mjs:app", "an Elysia app", "elysia /path"],
  ["itty.mjs:app", "a Fetch app", "itty /path"],
  ["plain.mjs:listener", "a Node handler", "listener /path", "--interface", "node"],
  ["plain.mjs:handlerWithNext", "a Node handler", "next /path"],
  ["plain.mjs:requestParameters", undefined, "tsgi of req /path"],
  ["plain.mjs:handler", "a Fetch handler", "handler /path"],
  ["plain.mjs:worker", "a Fetch app", "worker /path"],
  ["plain.mjs:unnamed", "a Node handler", "unnamed /path", "--interface", "node"],
  ["hono.mjs:factory", "a Hono app", "hono /path", "--factory"],
] as const) {
  test(`interfaces: the command serves ${app}, and says that it is ${what ?? "an app of tsgi"}`, async () => {
    const site = await running(app, "--port", "0", ...options);
    try {
      assert.equal(await (await fetch(`${site.url}/path`)).text(), body);
      const said = what === undefined ? "" : `, ${what},`;
      assert.equal(site.printed(), `tsgi: serving ${app}${said} on ${site.url}\n`);
    } finally {
      site.child.kill("SIGKILL");
    }
  });
}

for (const [args, message] of [
  [["koa.mjs:app", "--interface", "wsgi"], "--interface wsgi is not an interface; choose tsgi, node or fetch"],
  [["koa.mjs:app", "--factory"], "koa.mjs:app is an object, not a factory of an app"],
  [["plain.mjs:failing", "--factory"], "the factory plain.mjs:failing failed: no database"],
  [
    ["program.mjs"],
    "program.mjs exports nothing, and listens by itself; in place of app.listen(…) write: export { app }",
  ],
  [["fastify.mjs:broken"], "fastify.mjs:broken cannot be served: no plugin"],
  [
    ["koa.mjs:app", "--interface", "fetch"],
    "koa.mjs:app is an object, not an app; an app is a function: (environ, startResponse) => body",
  ],
] as const) {
  test(`interfaces: ${args.join(" ")} is refused`, () => {
    const [app, ...options] = args;
    assert.deepEqual(ended(app, "--port", "0", ...options), {
      code: 2,
      out: "",
      error: `tsgi: ${message}\n`,
    });
  });
}

test("interfaces: a module that has taken the port itself is told so", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await new Promise((resolve) => other.close(resolve));
  assert.deepEqual(ended("listening.mjs", "--port", String(port)), {
    code: 1,
    out: "",
    error: `tsgi: 127.0.0.1:${port} is in use, and the module listens by itself; leave out its call of listen()\n`,
  });
});

test("interfaces: a router whose routes want an app of Express is told so", async () => {
  const site = await running("express.mjs:router", "--port", "0");
  try {
    assert.equal((await fetch(`${site.url}/path`)).status, 500);
    assert.match(
      site.printed(),
      /\ntsgi: express\.mjs:router is a router without an app, .*express\(\)\.use\(router\)\n$/,
    );
  } finally {
    site.child.kill("SIGKILL");
  }
});
