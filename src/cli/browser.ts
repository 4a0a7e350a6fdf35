/** The person's browser. */

import { spawn } from "node:child_process";

/** What opens a URL with the program that is meant for it. On Windows it is no program, but a command of the shell. */
const OPENERS: { readonly [platform in NodeJS.Platform]?: readonly [string, ...string[]] } = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
};

/** Opens a URL. Where that fails, a line says so, and nothing else happens. */
export function openBrowser(url: string): void {
  const [program, ...args] = OPENERS[process.platform] ?? ["xdg-open"];
  // A group of its own, so that Ctrl-C ends the server and not the browser.
  const child = spawn(program, [...args, url], { detached: true, stdio: "ignore", windowsHide: true });
  child.once("error", ({ message }) => complain(message));
  child.once("exit", (code) => {
    if (code !== null && code !== 0) complain(`${program} ended with exit code ${code}`);
  });
  child.unref();
}

function complain(reason: string): void {
  process.stderr.write(`tsgi: the browser cannot be opened: ${reason}\n`);
}
