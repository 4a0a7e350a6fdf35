/** nginx, started and watched by a process that does nothing else. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { HELLO, report, skip } from "../report.js";
import { FILES } from "./files.js";

// Debian puts it where only root looks.
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

if (process.platform !== "linux") skip("its CPU time is read from /proc");
else if (spawnSync("nginx", ["-v"], { env }).error !== undefined) skip("nginx is not installed");
else {
  const port = await freePort();
  const { pid } = start(port);
  while (!(await isListening(port))) await new Promise((resolve) => setTimeout(resolve, 20));
  // One process without threads; its first figure is its time on a processor, in nanoseconds.
  report(port, () => Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1000);
}

function start(port) {
  const folder = mkdtempSync(join(process.env.BENCH_FOLDER, "nginx-"));
  writeFileSync(join(folder, "nginx.conf"), configurationFor(port, folder, process.argv[2] === "cached"));
  // It ends with this process, which is ended by a signal that nobody can catch.
  const args = ["--pdeathsig", "KILL", "nginx", "-e", "stderr", "-p", folder, "-c", join(folder, "nginx.conf")];
  const nginx = spawn("setpriv", args, { env, stdio: ["ignore", "ignore", "inherit"] });
  for (const event of ["error", "exit"]) nginx.on(event, () => process.exit(1));
  return nginx;
}

/** A single process, so no worker outlives the benchmark; the rest is as Debian has it, but for the logs. */
function configurationFor(port, folder, isCached) {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
daemon off;
master_process off;
pid "${folder}/nginx.pid";
error_log stderr crit;
events { worker_connections 1024; }
http {
  ${temporary.map((name) => `${name}_temp_path "${folder}/${name}";`).join("\n  ")}
  access_log off;
  sendfile on;
  tcp_nopush on;
  etag on;
  # Node closes no connection after so many requests; nginx does after 1000.
  keepalive_requests 1000000000;
  ${isCached ? "open_file_cache max=1000;" : ""}
  types { text/plain txt; }
  default_type application/octet-stream;
  server {
    listen 127.0.0.1:${port};
    root "${FILES}";
    add_header Cache-Control no-cache;
    add_header X-Content-Type-Options nosniff;
    location / { try_files $uri @hello; }
    location @hello { default_type text/plain; return 200 "${HELLO}"; }
  }
}
`;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

async function isListening(port) {
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
