/** Opens the browser. */

import { spawn } from "node:child_process";
import { printError } from "./print-lines.ts";

/** The program that opens a URL; on Windows a command of the shell. */
const OPENERS: { readonly [platform in NodeJS.Platform]?: readonly [string, ...string[]] } = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
};

/** Opens a URL. A failure prints a line and has no other effect. */
export function openBrowser(url: string): void {
  const [program, ...args] = OPENERS[process.platform] ?? ["xdg-open"];
  // In a group of its own: Ctrl-C ends the server and not the browser.
  const child = spawn(program, [...args, url], { detached: true, stdio: "ignore", windowsHide: true });
  child.once("error", ({ message }) => complain(message));
  child.once("exit", (code) => {
    if (code !== null && code !== 0) complain(`${program} ended with exit code ${code}`);
  });
  child.unref();
}

function complain(reason: string): void {
  printError(`the browser cannot be opened: ${reason}`);
}
