/** CGI programs as apps. */

import { accessSync, constants, statSync } from "node:fs";
import { delimiter, dirname, resolve } from "node:path";
import { TsgiError } from "../errors.ts";
import type { App } from "../gateway.ts";
import { checkOptions, count, STRING } from "../options.ts";
import { type Command, ProgramProcess } from "./cgi/process.ts";
import { PROGRAM_OPTIONS, type ProgramOptions, type ProgramSetup, programApp } from "./program/program-app.ts";

/** Options of `cgi`. */
export interface CgiOptions extends ProgramOptions {
  /**
   * The folder that the program runs in. Default: the program's own folder if the command is a path without arguments, else
   * the current folder.
   */
  cwd?: string;
  /** How many processes run at once. Default 16. Further requests queue, for `timeout` at most, and then get a 503. */
  maxProcesses?: number;
}

/**
 * `cgi` makes an app of a CGI program: the path of the program, or a list of program and arguments. Each request starts a
 * process.
 *
 * ```ts
 * const site = dispatcher(notFound, {
 *   "/flask": cgi(["python3", "flask-site.py"]),
 *   "/git": cgi(["git", "http-backend"], { env: { GIT_PROJECT_ROOT: "/srv/git" }, bufferLimit: "stream" }),
 * });
 * ```
 *
 * - The program is given the environ as environment variables, plus `PATH`; nothing else of this process is inherited.
 *   `SCRIPT_NAME` and `PATH_INFO` are decoded, so a path with an escaped slash is a 404.
 * - Its standard input is the request body, its standard output the response, which is streamed; the status is that of
 *   `Status`, or 302 with `Location`, or 200. Its standard error goes to `tsgi.errors`.
 * - A failure before the response head is a 502; a later one cuts the connection, unless the status reports an error already.
 * - When the client disconnects or `timeout` passes, the process group gets SIGTERM, and SIGKILL two seconds later.
 * - There is no shell, and the query never becomes arguments (RFC 3875 §4.4). A program that writes the whole HTTP response
 *   by itself (`nph-`) is not supported.
 *
 * Throws `TSGI_NO_PROGRAM` if there is no such program or it is not executable, and `TSGI_BAD_OPTION`. Source: RFC 3875.
 */
export function cgi(command: string | readonly [file: string, ...args: string[]], options: CgiOptions = {}): App {
  checkOptions<CgiOptions>("cgi", options, { ...PROGRAM_OPTIONS, cwd: STRING, maxProcesses: count(1) });
  const { cwd, maxProcesses = 16, ...rest } = options;
  const [name, ...args] = checkCommand(command);
  const { PATH = "" } = process.env;
  const file = findProgram(name, resolve(cwd ?? "."), PATH);
  const isPathAlone = typeof command === "string" && command.includes("/");
  const runs: Command = { file, args, cwd: resolve(cwd ?? (isPathAlone ? dirname(file) : ".")) };
  const setup: ProgramSetup = {
    name,
    limit: [maxProcesses, "maxProcesses"],
    start: (variables, errors) => new ProgramProcess(runs, { PATH, ...variables }, errors),
  };
  const program = programApp(setup, rest);

  return function cgi(environ, startResponse) {
    return program(environ, startResponse);
  };
}

function checkCommand(command: unknown): readonly [file: string, ...args: string[]] {
  const words: unknown[] = Array.isArray(command) ? command : [command];
  if (words.every((word) => typeof word === "string") && words[0]) return words as [string, ...string[]];
  throw new TsgiError("TSGI_NO_PROGRAM", "that is not a program", {
    hint: 'Give a path, "./site.cgi", or a program with its arguments, ["python3", "site.py"].',
  });
}

/** The file of a program. A name without a slash is looked up in `PATH`, as a shell does. */
function findProgram(name: string, cwd: string, PATH: string): string {
  const folders = name.includes("/") ? [cwd] : PATH.split(delimiter);
  const file = folders.map((folder) => resolve(folder, name)).find(isExecutable);
  if (file !== undefined) return file;
  throw new TsgiError("TSGI_NO_PROGRAM", `there is no program ${JSON.stringify(name)}`, {
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
