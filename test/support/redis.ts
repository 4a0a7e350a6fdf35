/** A Redis of a test's own. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { freePort, isListening } from "./proxies.ts";
import { eventually } from "./raw-client.ts";

/** For tests that need it. */
export const withRedis: { readonly skip: string | false } = {
  skip: spawnSync("redis-server", ["--version"]).status === 0 ? false : "redis-server is not installed",
};

/** Behind a Unix socket: started, frozen, killed and started again. */
export class RedisServer {
  readonly path: string;
  readonly #folder: string = mkdtempSync(join(tmpdir(), "tsgi-redis-"));
  readonly #clients: { destroy(): void; isOpen: boolean }[] = [];
  #process: ChildProcess | undefined;

  /** It ends with the tests of the file. */
  constructor() {
    this.path = join(this.#folder, "redis.sock");
    after(async () => {
      for (const client of this.#clients) if (client.isOpen) client.destroy();
      await this.kill();
      rmSync(this.#folder, { recursive: true, force: true });
    });
  }

  /** Starts it; what it had written before is there again. */
  async start(): Promise<void> {
    const settings = ["--port", "0", "--unixsocket", this.path, "--dir", this.#folder, "--save", ""];
    const durable = ["--appendonly", "yes", "--appendfsync", "always"];
    rmSync(this.path, { force: true });
    this.#process = spawn("redis-server", [...settings, ...durable], { stdio: "ignore" });
    await eventually(() => existsSync(this.path));
  }

  /** A client as most have it: it connects again, and queues commands until then. */
  // biome-ignore lint/suspicious/noExplicitAny: the type of a client names all that servers can do.
  async connect(options: { disableOfflineQueue?: boolean } = {}): Promise<any> {
    const socket = { path: this.path, tls: false as const, reconnectStrategy: () => 10 };
    const client = createClient({ socket, ...options }).on("error", () => {});
    this.#clients.push(client);
    await client.connect();
    return client;
  }

  /** It keeps its connections and answers nothing. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

/** Starts one on a port that ends with the test; resolves with its URL once it can be reached. */
export async function startRedis(t: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-redis-"));
  const port = await freePort();
  const args = ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--dir", folder];
  const server = spawn("redis-server", args, { stdio: "ignore" });
  const exited = once(server, "exit");
  t.after(async () => {
    server.kill("SIGKILL");
    await exited;
    rmSync(folder, { recursive: true });
  });
  while (!(await isListening(port))) await sleep(20);
  return `redis://127.0.0.1:${port}`;
}
