/** CGI programs as apps. */

import { accessSync, constants, statSync } from "node:fs";
import { delimiter, dirname, resolve } from "node:path";
import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { type Command, ProgramProcess } from "./cgi/process.ts";
import { type ProgramOptions, type ProgramSetup, programApp } from "./program/program-app.ts";

export interface CgiOptions extends ProgramOptions {
  /** The folder that it runs in. Default: that of the program, where it is given by its path alone; else the current one. */
  cwd?: string;
  /** How many processes run at once. Default 16. Further requests wait, for `timeout` at most, and then get a 503. */
  maxProcesses?: number;
}

/**
 * A CGI program as an app: the program, or a list of it and its arguments. Each request starts a process.
 *
 * ```ts
 * const site = dispatcher(notFound, {
 *   "/flask": cgi(["python3", "flask-site.py"]),
 *   "/git": cgi("/usr/lib/git-core/git-http-backend", { env: { GIT_PROJECT_ROOT: "/srv/git" }, bufferLimit: "stream" }),
 * });
 * ```
 *
 * The environ is its environment, with `PATH` and nothing else of this process; `SCRIPT_NAME` and `PATH_INFO` are decoded,
 * and a path with an escaped slash is a 404. The request body is its standard input. Head and body of the response are its
 * standard output, streamed: `Status`, or 302 with `Location`, or 200. Its standard error goes to `tsgi.errors`. A program
 * that fails before its head is a 502; one that fails behind it cuts the connection, unless its status is an error anyway.
 * When the client goes away its process group gets SIGTERM, and SIGKILL two seconds later. There is no shell in between, no
 * command line from the query (RFC 3875 §4.4), and no `nph-` program.
 *
 * Throws `TSGI_NO_PROGRAM` where there is none that can be run.
 */
export function cgi(
  command: string | readonly [file: string, ...args: string[]],
  { cwd, maxProcesses = 16, ...options }: CgiOptions = {},
): App {
  const [name, ...args] = typeof command === "string" ? [command] : command;
  const { PATH = "" } = process.env;
  const file = findProgram(name, resolve(cwd ?? "."), PATH);
  const isPathAlone = typeof command === "string" && command.includes("/");
  const runs: Command = { file, args, cwd: resolve(cwd ?? (isPathAlone ? dirname(file) : ".")) };
  const setup: ProgramSetup = {
    name,
    limit: [maxProcesses, "maxProcesses"],
    start: (variables, environ) => new ProgramProcess(runs, { PATH, ...variables }, environ["tsgi.errors"]),
  };
  const program = programApp(setup, options);

  return function cgi(environ, startResponse) {
    return program(environ, startResponse);
  };
}

/** A name without a slash is looked up in `PATH`, as a shell does. */
function findProgram(name: string, cwd: string, PATH: string): string {
  if (typeof name !== "string" || name === "") {
    throw new TsgiError("TSGI_NO_PROGRAM", `${JSON.stringify(name)} is no program`, {
      hint: 'Give a path: "./site.cgi".',
    });
  }
  const folders = name.includes("/") ? [cwd] : PATH.split(delimiter);
  const file = folders.map((folder) => resolve(folder, name)).find(isExecutable);
  if (file !== undefined) return file;
  throw new TsgiError("TSGI_NO_PROGRAM", `there is no program ${name}`, {
    hint: name.includes("/") ? `Check the path, and \`chmod +x ${name}\`.` : "Install it, or give its path.",
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
