import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Command } from "../support/command.ts";

const { ended, running } = new Command(fileURLToPath(new URL("modules", import.meta.url)));

for (const [name, what, body, ...options] of [
  ["ofTsgi", undefined, "tsgi /path"],
  ["ofExpress", "an Express app", "express /path"],
  ["ofConnect", "a Connect app", "connect /path"],
  ["ofKoa", "a Koa app", "koa /path"],
  ["ofFastify", "a Fastify app", "fastify /path"],
  ["ofPolka", "a Polka app", "polka /path"],
  ["ofHono", "a Hono app", "hono /path"],
  ["ofH3", "an h3 app", "h3 /path"],
  ["ofElysia", "an Elysia app", "elysia /path"],
  ["ofItty", "a Fetch app", "itty /path"],
  ["listener", "a Node handler", "listener /path", "--interface", "node"],
  ["handlerWithNext", "a Node handler", "next /path"],
  ["requestParameters", undefined, "tsgi of req /path"],
  ["handler", "a Fetch handler", "handler /path"],
  ["worker", "a Fetch app", "worker /path"],
  ["unnamed", "a Node handler", "unnamed /path", "--interface", "node"],
  ["factory", "a Hono app", "hono /path", "--factory"],
] as const) {
  test(`interfaces: the command serves ${name}, and says that it is ${what ?? "an app of tsgi"}`, async () => {
    const site = await running(`frameworks.mjs:${name}`, "--port", "0", ...options);
    try {
      assert.equal(await (await fetch(`${site.url}/path`)).text(), body);
      const said = what === undefined ? "" : `, ${what},`;
      assert.equal(site.printed(), `tsgi: serving frameworks.mjs:${name}${said} on ${site.url}\n`);
    } finally {
      site.child.kill("SIGKILL");
    }
  });
}

for (const [args, message] of [
  [["ofKoa", "--interface", "wsgi"], "--interface wsgi is not an interface; choose from tsgi, node, fetch"],
  [["ofKoa", "--factory"], "frameworks.mjs:ofKoa is an object, not a factory of an app"],
  [["failing", "--factory"], "the factory frameworks.mjs:failing failed: no database"],
  [["broken"], "frameworks.mjs:broken cannot be served: no plugin"],
  [
    ["ofKoa", "--interface", "fetch"],
    "frameworks.mjs:ofKoa is an object, not an app; an app is a function: (environ, startResponse) => body",
  ],
] as const) {
  test(`interfaces: ${args.join(" ")} is refused`, () => {
    const [name, ...options] = args;
    assert.deepEqual(ended(`frameworks.mjs:${name}`, "--port", "0", ...options), {
      code: 2,
      out: "",
      error: `tsgi: ${message}\n`,
    });
  });
}
