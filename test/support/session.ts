/** Sessions as documents show them: a server that the command starts, and `curl` against it. */

import { execFile, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));
export const cli: string = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));

const run = promisify(execFile);

/** A command with the output it is said to have. */
export interface Step {
  readonly command: string;
  readonly output: string;
}

/** The steps of a session: lines that start with `$ `, each with the lines below it. */
export function steps(session: string): Step[] {
  return session
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command, ...output] = part.split("\n");
      return { command: command as string, output: output.join("\n").trimEnd() };
    });
}

/** A site that the command serves on a free port. */
export interface Site {
  readonly url: string;
  /** What the command printed first. */
  readonly firstLine: string;
  /** Everything that it printed when it started. */
  readonly banner: string;
  stop(): void;
}

/** Starts `tsgi module` and resolves once it has said where it serves. */
export function startSite(module: string, cwd: string, env: Record<string, string> = {}): Promise<Site> {
  return startServer([cli, module, "--port", "0"], cwd, env);
}

/** Starts a module that serves by itself, on the port of `PORT`, and resolves once it has said where. */
export function startModule(module: string, cwd: string): Promise<Site> {
  return startServer(["--import", "tsx", module], cwd, { PORT: "0" });
}

async function startServer(args: readonly string[], cwd: string, env: Record<string, string>): Promise<Site> {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let complaint = "";
  child.stderr.on("data", (chunk) => {
    complaint += chunk;
  });
  let text = "";
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  const firstLine = text.split("\n", 1)[0] as string;
  const url = /http:\/\/\S+/.exec(firstLine)?.[0];
  if (url === undefined) throw new Error(`${args.join(" ")} did not start: ${complaint}`);
  child.stdout.resume();
  return { url, firstLine, banner: text.trimEnd(), stop: () => child.kill("SIGKILL") };
}

/** Runs a `curl` as shown, but against this site; what it prints, without the white space at its end. */
export async function curl(site: Site, command: string): Promise<string> {
  const shown = command.replaceAll("http://127.0.0.1:8000", site.url).replace(/^curl /, "curl --silent --max-time 10 ");
  const { stdout } = await run("sh", ["-c", shown]);
  return stdout.trimEnd();
}
