/** What the command prints of itself. */

/** Prints lines of the command, and lines that belong to the last of them, in one write. */
export function printLines(lines: readonly string[], below: readonly string[] = []): void {
  const own = lines.map((line) => `tsgi: ${line}\n`);
  process.stdout.write([...own, ...below.map((line) => `      ${line}\n`)].join(""));
}

/** Has nobody who stops reading what is printed, as a pager does, end the process. */
export function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}
