/** The colours of source: comments, texts, keywords and numbers of a line. */

import { escapeHtml } from "../../escape.ts";

const KEYWORDS =
  "abstract as async await break case catch class const continue default delete do else enum export extends finally for from " +
  "function get if implements import in instanceof interface let new null of private protected public readonly return " +
  "satisfies set static super switch this throw true false try type typeof undefined var void while yield";

const TOKEN = new RegExp(
  [
    String.raw`(?<comment>^\s*\*.*|\/\/.*|\/\*.*?(?:\*\/|$))`,
    String.raw`(?<text>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\`(?:[^\`\\]|\\.)*\`?)`,
    String.raw`(?<keyword>(?<![\w$.])(?:${KEYWORDS.split(" ").join("|")})(?![\w$]))`,
    String.raw`(?<number>(?<![\w$])\d[\w.]*)`,
  ].join("|"),
  "g",
);

/** A line of source as HTML, everything in it escaped. What goes over several lines is not known for what it is. */
export function highlight(line: string): string {
  let html = "";
  let end = 0;
  for (const match of line.matchAll(TOKEN)) {
    const [kind] = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined) ?? ["text"];
    html += `${escapeHtml(line.slice(end, match.index))}<span class="${kind}">${escapeHtml(match[0])}</span>`;
    end = match.index + match[0].length;
  }
  return html + escapeHtml(line.slice(end));
}
