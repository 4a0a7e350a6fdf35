/** What the command prints of itself. */

import { escapeControls } from "../escape.ts";

/** Prints lines of the command, and lines that belong to the last of them, in one write. */
export function printLines(lines: readonly string[], below: readonly string[] = []): void {
  const own = lines.map((line) => `tsgi: ${line}\n`);
  process.stdout.write([...own, ...below.map((line) => `      ${line}\n`)].join(""));
}

/** Prints what is wrong, in one line in which nothing commands a terminal. */
export function printError(line: string): void {
  process.stderr.write(`tsgi: ${escapeControls(line)}\n`);
}

/** Keeps the process alive when what reads its output, a pager for example, stops reading. */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}
