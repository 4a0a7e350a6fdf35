/** Links that open a place of the source in an editor. */

import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import type { Place } from "./stack.ts";

/** The URLs of editors. */
const EDITORS: Readonly<Record<string, string>> = {
  vscode: "vscode://file{path}:{line}:{column}",
  "vscode-insiders": "vscode-insiders://file{path}:{line}:{column}",
  vscodium: "vscodium://file{path}:{line}:{column}",
  cursor: "cursor://file{path}:{line}:{column}",
  windsurf: "windsurf://file{path}:{line}:{column}",
  zed: "zed://file{path}:{line}:{column}",
  idea: "idea://open?file={path}&line={line}&column={column}",
  webstorm: "webstorm://open?file={path}&line={line}&column={column}",
  phpstorm: "phpstorm://open?file={path}&line={line}&column={column}",
  sublime: "subl://open?url=file://{path}&line={line}&column={column}",
  textmate: "txmt://open?url=file://{path}&line={line}&column={column}",
  macvim: "mvim://open?url=file://{path}&line={line}&column={column}",
  emacs: "emacs://open?url=file://{path}&line={line}&column={column}",
};

/** The commands of editors that are called otherwise. */
const COMMANDS: Readonly<Record<string, string>> = {
  code: "vscode",
  "code-insiders": "vscode-insiders",
  codium: "vscodium",
  subl: "sublime",
  mate: "textmate",
  mvim: "macvim",
  emacsclient: "emacs",
};

/**
 * editorLink gives the URL that opens a place in the editor: `$TSGI_EDITOR`, a name such as `vscode`, a URL with `{path}`,
 * `{line}` and `{column}`, or `none`; else `$EDITOR`, if it has a URL; else that of VS Code. Undefined for `none`, and for a
 * client on another machine: `address` is the client's.
 */
export function editorLink(
  { path, line, column }: Place,
  address: string,
  environment: NodeJS.ProcessEnv = process.env,
): string | undefined {
  if (!/^(?:127\.|::1$|::ffff:127\.)/.test(address)) return undefined;
  const template = templateOf(environment);
  const encoded = pathToFileURL(path).pathname.replace(/[&+;]/g, encodeURIComponent);
  return template
    ?.replaceAll("{path}", () => encoded)
    .replaceAll("{line}", String(line))
    .replaceAll("{column}", String(column));
}

function templateOf({ TSGI_EDITOR: own = "", EDITOR: common = "" }: NodeJS.ProcessEnv): string | undefined {
  if (own === "none") return undefined;
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(own)) return own;
  return editorNamed(own) ?? editorNamed(common) ?? EDITORS.vscode;
}

/** `/usr/bin/code --wait` is `vscode`. */
function editorNamed(command: string): string | undefined {
  const name = basename(command.trim().split(/\s+/)[0] as string).replace(/\.(?:exe|cmd)$/i, "");
  const known = Object.hasOwn(COMMANDS, name) ? (COMMANDS[name] as string) : name;
  return Object.hasOwn(EDITORS, known) ? EDITORS[known] : undefined;
}
