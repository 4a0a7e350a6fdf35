/** Text from outside, for a terminal or a log: a control character of a client or of a file's name is shown, not obeyed. */
export function printable(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to show.
  return line.replace(/[\x00-\x1f\x7f-\x9f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
