/** Debian's Chromium, for tests that need a browser. */

import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));

/** Why there is no browser; `false` where there is one. */
export const skip: string | false = executablePath === undefined ? "chromium is not installed" : false;

const args = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts it. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath as string, args });
}
