/** Apps on runtimes that are not Node, through `toFetch`, and what cannot be there. */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const site = (name: string): string => join(root, "test/system/runtimes", name);

interface Runtime {
  /** In a package for one system only, which `.ci/run` installs. */
  readonly binary: string;
  /** Starts it, and gives the port it listens on. */
  start(t: TestContext, binary: string): Promise<number>;
}

const RUNTIMES: Record<string, Runtime> = {
  Bun: {
    binary: "@oven/bun-linux-x64/bin/bun",
    start: (t, binary) => portOf(t, binary, ["run", site("bun.js")]),
  },
  Deno: {
    binary: "@deno/linux-x64-glibc/deno",
    start: (t, binary) =>
      portOf(t, binary, ["run", "--quiet", "--no-check", "--allow-net=127.0.0.1", "--allow-read", site("deno.js")]),
  },
  workerd: { binary: "@cloudflare/workerd-linux-64/bin/workerd", start: startWorker },
};

/** The first line that a program prints. */
async function portOf(t: TestContext, binary: string, args: string[]): Promise<number> {
  const child = spawn(binary, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  t.after(() => child.kill("SIGKILL"));
  for await (const line of createInterface({ input: child.stdout })) return Number(line);
  throw new Error(`${binary} ended`);
}

/** It knows no file system and no packages: what it runs is bundled, as its users do. */
async function startWorker(t: TestContext, binary: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "tsgi-worker-"));
  t.after(() => rm(folder, { recursive: true }));
  const port = await freePort();
  await build({ entryPoints: [site("worker.js")], bundle: true, format: "esm", outfile: join(folder, "worker.js") });
  const configuration = join(folder, "worker.capnp");
  await writeFile(
    configuration,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (compatibilityDate = "2025-01-01", modules = [(name = "worker", esModule = embed "worker.js")]))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`,
  );
  const child = spawn(binary, ["serve", configuration], { stdio: "inherit" });
  t.after(() => child.kill("SIGKILL"));
  for (;;) {
    if (child.exitCode !== null) throw new Error("workerd ended");
    const response = await fetch(`http://127.0.0.1:${port}/hello`).catch(() => undefined);
    if (response !== undefined) {
      await response.arrayBuffer();
      return port;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

for (const [name, { binary, start }] of Object.entries(RUNTIMES)) {
  const path = join(root, "node_modules", binary);
  const skip = existsSync(path) ? false : `${name} is not installed; .ci/run does so`;
  test(`runtimes: an app on ${name}`, { skip, timeout: 60_000 }, async (t) => {
    const url = `http://127.0.0.1:${await start(t, path)}`;
    const ask = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(url + path, init);
      return {
        status: response.status,
        cookies: response.headers.getSetCookie(),
        length: response.headers.get("content-length"),
        body: await response.text(),
      };
    };
    const plain = { status: 200, cookies: [] as string[] };
    assert.deepEqual(await ask("/hello"), { ...plain, length: "5", body: "hello" });
    assert.deepEqual(await ask("/hello", { method: "HEAD" }), { ...plain, length: "5", body: "" });
    assert.deepEqual(await ask("/slowly"), { ...plain, length: null, body: "one two three" });
    assert.equal((await ask("/zipped")).body, "zipped");
    assert.deepEqual((await ask("/fail")).status, 500);
    const large = "x".repeat(1024 * 1024);
    const echoed = await ask("/echo", { method: "POST", body: large });
    assert.deepEqual(
      { ...echoed, body: echoed.body === large },
      { status: 200, cookies: ["a=1", "b=2"], length: String(large.length), body: true },
    );
    const address = name === "workerd" ? "" : "127.0.0.1";
    assert.deepEqual(JSON.parse((await ask("/%61//b?c=d")).body), ["/a/b", "c=d", "/a/b", address]);
  });
}

test("runtimes: Bun, which has no undici that sends, is told so as a proxy is built", (t) => {
  const path = join(root, "node_modules", (RUNTIMES.Bun as Runtime).binary);
  if (!existsSync(path)) return t.skip("Bun is not installed; .ci/run does so");
  const program =
    'import("tsgi/middleware").then(({ proxy }) => proxy("http://127.0.0.1:1")).catch((error) => console.log(error.code))';
  assert.equal(execFileSync(path, ["-e", program], { cwd: root, encoding: "utf8" }), "TSGI_NO_PACKAGE\n");
});
