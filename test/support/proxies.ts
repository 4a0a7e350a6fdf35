/** nginx and HAProxy as reverse proxies in front of a server of the test, with connections to it that all clients share. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

/** A proxy that runs. */
export interface RunningProxy {
  readonly port: number;
  /** What it wrote to its log and to standard error. */
  log(): string;
}

/** A kind of proxy: its program, and the settings that make its configuration. */
export interface ProxyKind {
  readonly name: string;
  /** The Debian package. */
  readonly package: string;
  readonly program: string;
  readonly args: (file: string) => string[];
  readonly config: (port: number, upstream: number, folder: string) => string;
}

/** The header that each proxy adds: a secret, an id, and the method and the target of the request as the proxy read them. */
export const FORWARDED = "X-Forwarded-As";
/** What clients of a proxy cannot know. */
export const SECRET: string = randomBytes(8).toString("hex");

function nginx(name: string, settings: string): ProxyKind {
  return {
    name,
    package: "nginx-light",
    program: "nginx",
    args: (file) => ["-e", "stderr", "-c", file],
    config: (port, upstream, folder) => `
daemon off;
master_process off;
error_log stderr error;
pid ${folder}/pid;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream app { server 127.0.0.1:${upstream}; keepalive 2; }
  server {
    listen 127.0.0.1:${port};
    ${settings}
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_next_upstream off;
      proxy_set_header Connection "";
      proxy_set_header ${FORWARDED} "${SECRET} $request_id $request_method $request_uri";
    }
  }
}
`,
  };
}

function haproxy(name: string, settings: string): ProxyKind {
  return {
    name,
    package: "haproxy",
    program: "haproxy",
    args: (file) => ["-db", "-f", file],
    config: (port, upstream) => `
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  retries 0
  http-reuse always
frontend clients
  bind 127.0.0.1:${port}
  ${settings}
  unique-id-format "%[uuid()]"
  http-request set-header ${FORWARDED} "${SECRET} %[unique-id] %[method] %[url]"
  default_backend app
backend app
  server app 127.0.0.1:${upstream}
`,
  };
}

/** The proxies, each as it comes and as forgiving as it can be made. */
export const PROXIES: readonly ProxyKind[] = [
  nginx("nginx", ""),
  nginx(
    "nginx that forwards bodies as they come",
    "proxy_request_buffering off; ignore_invalid_headers off; underscores_in_headers on; merge_slashes off;",
  ),
  haproxy("HAProxy", ""),
  haproxy("HAProxy that accepts invalid requests", "option accept-invalid-http-request"),
];

/** Why a proxy cannot be started here; false where it can. */
export function isMissing({ program, package: name }: ProxyKind): string | false {
  return spawnSync(program, ["-v"]).error !== undefined && `needs ${program}: apt-get install ${name}`;
}

/** Starts a proxy in front of a port, until the test is over. */
export async function startProxy(t: TestContext, kind: ProxyKind, upstream: number): Promise<RunningProxy> {
  const folder = await mkdtemp(join(tmpdir(), "tsgi-proxy-"));
  const file = join(folder, "proxy.conf");
  const port = await freePort();
  await writeFile(file, kind.config(port, upstream, folder));
  const child: ChildProcess = spawn(kind.program, kind.args(file), { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      log += chunk.toString("latin1");
    });
  }
  const exited = new Promise((resolve) => child.once("close", resolve));
  t.after(async () => {
    child.kill("SIGKILL");
    await exited;
    await rm(folder, { recursive: true });
  });
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`${kind.name} did not start: ${log}`);
    await sleep(10);
  }
  return { port, log: () => log };
}

/** A port that was free just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Whether somebody accepts connections there. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
