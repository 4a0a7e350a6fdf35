/** Text of a client as it may stand in a line of a log: it cannot end the line, a field of it, or move a cursor. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to escape.
const IN_QUOTES = /["\\\x00-\x1f\x7f-\uffff]/;
const ALL_IN_QUOTES = new RegExp(IN_QUOTES, "g");
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to escape.
const IN_WORD = /["\\[\]\x00-\x20\x7f-\uffff]/;
const ALL_IN_WORD = new RegExp(IN_WORD, "g");
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to escape.
const ALL_UNPRINTABLE = /[\x00-\x1f\x7f-\uffff]/g;
const IN_JSON = /[\x7f-\x9f\u2028\u2029]/g;

/** A field in quotes, as Apache writes it: `\"`, `\\`, `\x0a`; `"-"` for none. */
export function quoted(text: string): string {
  if (text === "") return '"-"';
  return IN_QUOTES.test(text) ? `"${text.replace(ALL_IN_QUOTES, escapeOf)}"` : `"${text}"`;
}

/** A field without quotes, which has no spaces and no brackets; `-` for none. */
export function word(text: string): string {
  if (text === "") return "-";
  return IN_WORD.test(text) ? text.replace(ALL_IN_WORD, escapeOf) : text;
}

/** Text for a terminal. */
export function shown(text: string): string {
  return text.replace(ALL_UNPRINTABLE, escapeOf);
}

/** Text in JSON, without what a terminal obeys. */
export function jsonOf(text: string): string {
  if (!IN_QUOTES.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(IN_JSON, (char) => `\\u${hex(char, 4)}`);
}

function escapeOf(char: string): string {
  if (char === '"' || char === "\\") return `\\${char}`;
  return char > "\xff" ? `\\u${hex(char, 4)}` : `\\x${hex(char, 2)}`;
}

function hex(char: string, digits: number): string {
  return char.charCodeAt(0).toString(16).padStart(digits, "0");
}
