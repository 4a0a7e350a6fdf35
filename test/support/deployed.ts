/** The files of `examples/deploy/`, in a project of its own that has the package installed. */

import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { install } from "./installation.ts";
import { root } from "./session.ts";

/** The folder of the example. */
export const example: string = join(root, "examples/deploy");

/** Copies the example into a new folder, and installs the package as the guide says; gives the folder. */
export function deploy(): string {
  const folder = copy(new Map());
  const command = install(folder);
  chmodSync(command, 0o755);
  mkdirSync(join(folder, "node_modules/.bin"));
  symlinkSync(command, join(folder, "node_modules/.bin/tsgi"));
  // What the guide has installed beside it, and what Nodes that do not run TypeScript need.
  for (const name of ["redis", "rate-limiter-flexible", "tsx"]) {
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", dependencies: { tsgi: "*" } }));
  cpSync(join(root, "package-lock.json"), join(folder, "package-lock.json"));
  return folder;
}

/** Copies a deployed project into a new folder, with other ports; gives the folder. */
export function redeploy(project: string, ports: ReadonlyMap<string, number>): string {
  const folder = copy(ports);
  symlinkSync(join(project, "node_modules"), join(folder, "node_modules"));
  cpSync(join(project, "package.json"), join(folder, "package.json"));
  return folder;
}

function copy(ports: ReadonlyMap<string, number>): string {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-deploy-"));
  for (const name of readdirSync(example)) {
    const text = readFileSync(join(example, name), "utf8");
    writeFileSync(
      join(folder, name),
      text.replace(/\b[89]\d{3}\b/g, (port) => String(ports.get(port) ?? port)),
    );
  }
  return folder;
}

/** Parts of a unit file: its sections, each with what it sets. Refuses what systemd would, or would skip. */
export function parseUnit(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, key, value] = /^(?:\[(\w+)\]|([A-Z]\w*)=(.*\S))$/.exec(line) ?? [];
    if (name !== undefined) {
      section = new Map();
      if (sections.has(name)) throw new Error(`two sections ${name}`);
      sections.set(name, section);
    } else if (section !== undefined && key !== undefined && value !== undefined && !section.has(key)) {
      section.set(key, value);
    } else throw new Error(`not a line of a unit: ${line}`);
  }
  return sections;
}

/** One instruction of a Dockerfile. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The instructions of a Dockerfile, lines that go on joined. */
export function parseDockerfile(text: string): Instruction[] {
  return text
    .replace(/^#.*\n/gm, "")
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, name, rest] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
      if (name === undefined || rest === undefined) throw new Error(`not an instruction: ${line}`);
      return { name, text: rest };
    });
}
