/** A Redis of a test's own. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./proxies.ts";

/** For `skip`: why there is none, or false. */
export const noRedis: string | false =
  spawnSync("redis-server", ["--version"]).status === 0 ? false : "redis-server is not installed";

/** Starts one that ends with the test; resolves with its URL once it can be reached. */
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
  while (!(await isReached(port))) await sleep(20);
  return `redis://127.0.0.1:${port}`;
}

async function isReached(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
