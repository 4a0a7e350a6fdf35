import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { type TestContext, test } from "node:test";
import type { ProxyFlags } from "../../src/cli/arguments.ts";
import { CommandError } from "../../src/cli/command-error.ts";
import { proxyOptions, targetUrl } from "../../src/cli/proxy.ts";
import { Command } from "../support/command.ts";

const { ended, running } = new Command(tmpdir());

/** A server that tells its name and what it was asked; gives its port. */
async function target(t: TestContext, name: string): Promise<number> {
  const server = createServer(({ url, headers }, response) => {
    response.statusCode = url === "/health" && name === "ill" ? 500 : 200;
    response.end(`${name} ${url} ${headers.host} ${headers["x-forwarded-for"]}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function ask(url: string, headers: Record<string, string> = {}): Promise<string> {
  return (await fetch(url, { headers })).text();
}

test("tsgi proxy: serves what a server elsewhere answers", async (t) => {
  const port = await target(t, "one");
  const { url, printed } = await running("proxy", `http://127.0.0.1:${port}/base`, "--port", "0");
  assert.equal(await ask(`${url}/x?y`, { "X-Forwarded-For": "9.9.9.9" }), `one /base/x?y 127.0.0.1:${port} 127.0.0.1`);
  assert.match(printed(), new RegExp(`^tsgi: serving a proxy to http://127\\.0\\.0\\.1:${port}/base on http://`, "m"));
});

test("tsgi proxy: a port is enough, and a client is told of as is asked for", async (t) => {
  const port = await target(t, "one");
  const { url } = await running("proxy", `:${port}`, "--port", "0", "--preserve-host", "--trust", "127.0.0.1,::1");
  const said = await ask(`${url}/`, { "X-Forwarded-For": "9.9.9.9" });
  assert.equal(said, `one / ${new URL(url).host} 9.9.9.9, 127.0.0.1`);
});

test("tsgi proxy: of several servers those that are well answer", async (t) => {
  const targets = [await target(t, "one"), await target(t, "ill"), await target(t, "two")];
  const flags = ["--balance", "round-robin", "--health", "/health", "--port", "0"];
  const { url } = await running("proxy", ...targets.map(String), ...flags);
  const names = new Set<string | undefined>();
  // A target counts as well until three probes have failed; it is the others that are to be seen.
  for (let index = 0; index < 6; index++) names.add((await ask(url)).split(" ")[0]);
  assert.ok(names.has("one") && names.has("two"), [...names].join());
});

for (const [what, args, message] of [
  ["no target", [], "which target? Name one, for example: tsgi proxy http://127.0.0.1:3000 (see tsgi --help)"],
  [
    "a target that is none",
    ["http://a:b@c"],
    '"http://a:b@c" is not a target of proxy. Give a URL without a password and without "#": "http://10.0.0.7:3000/base", "unix:/run/app.sock"',
  ],
  ["--reload", [":1", "--reload"], "--reload is for apps; tsgi proxy has no files that change"],
] as [string, string[], string][]) {
  test(`tsgi proxy: ${what} is one line and exit code 2`, () => {
    assert.deepEqual(ended("proxy", ...args), { code: 2, out: "", error: `tsgi: ${message}\n` });
  });
}

for (const [flags, message] of [
  [{ balance: "best" }, "--balance best is not a way to choose; choose latency, least-in-flight, round-robin"],
  [{ health: "ok" }, "--health ok is not a path; it starts with a slash, for example --health /health"],
  [{ trust: "x" }, "--trust x is not a list of networks; give for example 127.0.0.1,10.0.0.0/8"],
  [
    { "target-timeout": "soon" },
    "--target-timeout soon is not a duration; give milliseconds, or a unit: 500ms, 30s, 5m, 1h",
  ],
] as [ProxyFlags, string][]) {
  test(`tsgi proxy: ${message}`, () => {
    assert.throws(() => proxyOptions(flags), new CommandError(message));
  });
}

test("tsgi proxy: targets are typed as is convenient", () => {
  const typed = ["3000", ":3000", "a:3000", "http://a/b", "https://a", "unix:/run/a.sock:/b", "htp://a"];
  assert.deepEqual(typed.map(targetUrl), [
    "http://127.0.0.1:3000",
    "http://127.0.0.1:3000",
    "http://a:3000",
    "http://a/b",
    "https://a",
    "unix:/run/a.sock:/b",
    // Not the host "htp": it is refused.
    "htp://a",
  ]);
});
