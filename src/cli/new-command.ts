/** `tsgi new <folder>`: writes a small site to begin with. */

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { escapeControls } from "../escape.ts";
import { CommandError } from "./command-error.ts";

/** The files of the site, as they lie in the package. */
const STARTER = fileURLToPath(new URL("../../../starter/", import.meta.url));

/** Versions of what the site is developed with: those that it was tried with. */
const DEVELOPMENT = { "@types/node": "^20.19.0", tsx: "^4.20.0", typescript: "^7.0.0" };

/**
 * newCommand writes the site into a folder that is empty or not there, and tells what to type next. Throws a `CommandError` for
 * any other folder: nothing is ever overwritten.
 */
export function newCommand(folder: string, version: string): string {
  const home = resolve(folder);
  checkEmpty(home, folder);
  const contents = new Map([["package.json", packageOf(home, version)], ...starterFiles()]);
  for (const [name, content] of contents) {
    try {
      mkdirSync(dirname(join(home, name)), { recursive: true });
      writeFileSync(join(home, name), content, { flag: "wx" });
    } catch (error) {
      throw new CommandError(`${join(folder, name)} cannot be written: ${(error as NodeJS.ErrnoException).code}`, 1);
    }
  }
  const steps = [...(home === process.cwd() ? [] : [`cd ${quoted(folder)}`]), "npm install", "npm start"];
  return [
    `tsgi: wrote a site into ${escapeControls(folder)}`,
    ...[...contents.keys()].sort().map((name) => `      ${name}`),
    ...steps.map((step) => `$ ${step}`),
    "",
  ].join("\n");
}

/** A repository without files counts as empty. */
function checkEmpty(home: string, folder: string): void {
  let names: string[];
  try {
    const stats = statSync(home, { throwIfNoEntry: false });
    if (stats === undefined) return;
    if (!stats.isDirectory()) throw new CommandError(`${folder} is a file; name a folder that is not there yet`);
    names = readdirSync(home).filter((name) => name !== ".git");
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${folder} cannot be looked at: ${(error as NodeJS.ErrnoException).code}`, 1);
  }
  if (names.length === 0) return;
  const shown = names.sort().slice(0, 3).join(", ");
  throw new CommandError(
    `${folder} is not empty: it has ${escapeControls(shown)}${names.length > 3 ? ", …" : ""}; name a folder that is not there yet`,
  );
}

function starterFiles(): [name: string, content: Uint8Array][] {
  return readdirSync(STARTER, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(STARTER, name)).isFile())
    .map((name) => [name === "gitignore" ? ".gitignore" : name, readFileSync(join(STARTER, name))]);
}

function packageOf(home: string, version: string): Uint8Array {
  const content = {
    name: nameOf(home),
    private: true,
    type: "module",
    scripts: {
      start: "tsgi",
      dev: "tsgi --reload",
      test: "node --import tsx --test test/site.test.ts",
      types: "tsc",
    },
    engines: { node: ">=20.19" },
    dependencies: { tsgi: `^${version}` },
    devDependencies: DEVELOPMENT,
  };
  return Buffer.from(`${JSON.stringify(content, null, 2)}\n`);
}

/** The name of the folder as npm takes it. */
function nameOf(home: string): string {
  const name = basename(home)
    .toLowerCase()
    .replace(/[^a-z\d~-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return name === "" || name === "node-modules" ? "site" : name.slice(0, 200);
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./~+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
