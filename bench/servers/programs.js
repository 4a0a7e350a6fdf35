/** Servers that are programs, started and watched by a process that does nothing else. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";

// Debian puts them where only root looks.
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** Why a program cannot be measured here; undefined where it can. */
export function whyNot(program) {
  if (process.platform !== "linux") return "its CPU time is read from /proc";
  return spawnSync(program, ["-v"], { env }).error === undefined ? undefined : `${program} is not installed`;
}

/**
 * Starts a program that listens on a free port, with a configuration in a file of a folder of its own. `argumentsFor` gets the file
 * and the folder. It ends with this process, which is ended by a signal that nobody can catch.
 */
export async function startProgram(program, configurationFor, argumentsFor, core = undefined) {
  const port = await freePort();
  const folder = mkdtempSync(join(process.env.BENCH_FOLDER, `${program}-`));
  const file = join(folder, `${program}.conf`);
  writeFileSync(file, configurationFor(port, folder));
  const pinned = core === undefined ? [] : ["taskset", "-c", String(core)];
  const args = ["--pdeathsig", "KILL", ...pinned, program, ...argumentsFor(file, folder)];
  const child = spawn("setpriv", args, { env, stdio: ["ignore", "ignore", "inherit"] });
  for (const event of ["error", "exit"]) child.on(event, () => process.exit(1));
  while (!(await isListening(port))) await new Promise((resolve) => setTimeout(resolve, 20));
  return { port, cpuTime: () => cpuTimeOf(child.pid) };
}

/** Starts nginx with the settings of a server, which listens on the port that is put in for `$PORT`. */
export function startNginx(server, http = "", core = undefined) {
  const configurationFor = (port, folder) => `
daemon off;
master_process off;
pid "${folder}/nginx.pid";
error_log stderr crit;
events { worker_connections 1024; }
http {
  ${TEMPORARY.map((name) => `${name}_temp_path "${folder}/${name}";`).join("\n  ")}
  access_log off;
  sendfile on;
  tcp_nopush on;
  etag on;
  # Node closes no connection after so many requests; nginx does after 1000.
  keepalive_requests 1000000000;
  ${http}
  types { text/plain txt; }
  default_type application/octet-stream;
  server { ${server.replaceAll("$PORT", port)} }
}
`;
  return startProgram("nginx", configurationFor, (file, folder) => ["-e", "stderr", "-p", folder, "-c", file], core);
}

const TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

/** Of one process without threads: the first figure is its time on a processor, in nanoseconds. */
function cpuTimeOf(pid) {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1000;
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
