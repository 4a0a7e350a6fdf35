/** A folder as a page for people, and as JSON for programs. */

import { escapeHtml } from "../../src/escape.ts";
import { type FolderEntry, MAX_ENTRIES } from "./folder.ts";

const FOLDER = `<path d='M1 3.8A1.5 1.5 0 0 1 2.5 2.3h3.4l1.8 2h5.8A1.5 1.5 0 0 1 15 5.8v6.4a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 1 12.2z'/>`;
const LINE = "<path fill='none' stroke='#000' stroke-width='1.3' stroke-linecap='round' stroke-linejoin='round'";
const FILE = `${LINE} d='M4 1.6h5l3.4 3.4v9.4H4zM8.8 1.8v3.4h3.4'/>`;
const UP = `${LINE} d='M8 13V3.5M4 7.2l4-4 4 4'/>`;

/** A drawing as a `data:` URL. */
function drawing(shape: string, color = "#000"): string {
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='${color}'>${shape}</svg>`;
  return `data:image/svg+xml,${svg.replace(/[<>#]/g, encodeURIComponent)}`;
}

const STYLE = `
:root { color-scheme: light dark; --paper: light-dark(#f6f7fa, #14161c); --card: light-dark(#fff, #1c1f28);
  --ink: light-dark(#1a1d26, #e9ebf2); --dim: light-dark(#565c6c, #a4abbd); --line: light-dark(#e3e6ed, #2c313d);
  --accent: light-dark(#1f5bd6, #86adff); --soft: light-dark(#f0f4fe, #242b3d); }
* { box-sizing: border-box; }
html { scroll-padding-top: 3rem; }
body { margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
bdi { white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: inherit; text-underline-offset: .2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: -3px; border-radius: 8px; }
nav ol { display: flex; flex-wrap: wrap; margin: 0 -.4rem; padding: 0; list-style: none; color: var(--dim); }
nav li::after { content: "/"; content: "/" / ""; opacity: .6; }
nav a { display: inline-block; padding: .1rem .4rem; border-radius: 6px; text-decoration: none; }
nav a:hover { color: var(--accent); text-decoration: underline; }
h1 { margin: 0 0 1.5rem; font-size: clamp(1.6rem, 5vw, 2.25rem); line-height: 1.2; letter-spacing: -.02em; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; overflow: clip; }
table { width: 100%; border-collapse: collapse; text-align: start; }
caption { padding: .8rem 1.1rem; text-align: start; color: var(--dim); }
th, td { padding: 0 1.1rem; border-top: 1px solid var(--line); font-weight: 400; }
thead th { position: sticky; top: 0; z-index: 1; padding-block: .45rem; background: var(--card);
  box-shadow: inset 0 -1px var(--line); font-size: .875rem; color: var(--dim); text-align: start; }
th + th, td { width: 1%; white-space: nowrap; color: var(--dim); font-variant-numeric: tabular-nums; }
th:nth-child(2), td:nth-child(2) { text-align: end; }
tbody tr:first-child > * { border-top: 0; }
tbody th { padding: 0; text-align: start; }
tbody td { padding-block: .625rem; vertical-align: top; }
tbody tr:hover { background: var(--soft); }
.link { display: grid; grid-template-columns: 1.25rem 1fr; gap: .75rem; padding: .625rem 1.1rem; text-decoration: none; }
.link:hover span { color: var(--accent); text-decoration: underline; }
.link::before { content: ""; height: 1.25rem; margin-top: .125rem; background: var(--dim);
  mask: url("${drawing(FILE)}") center / contain no-repeat; }
.folder::before { background: var(--accent); mask-image: url("${drawing(FOLDER)}"); }
.up::before { mask-image: url("${drawing(UP)}"); }
.note { margin: 0; padding: 1rem 1.1rem; color: var(--dim); }
.card > * + .note { border-top: 1px solid var(--line); }
@media (width < 36rem) { body { padding: 1.25rem .75rem 3rem; } td { font-size: .875rem; line-height: 1.5rem; }
  th, td { padding-inline: .4rem; } .link { gap: .6rem; padding-inline: .9rem .4rem; } .wide { display: none; }
  thead th:first-child, caption, .note { padding-inline: .9rem; } th:last-child, td:last-child { padding-inline-end: .9rem; } }
@media (forced-colors: active) { .link::before { background: LinkText; } }
`;

/**
 * The `Content-Security-Policy` of the page: its own style and drawings, and nothing else, whatever a name contains.
 */
export const LISTING_POLICY =
  "default-src 'none'; style-src 'sha256-eQlV952Pwu8TiBQw/oAgw2OvAce60muWIFWbymYRnWs='; img-src data:; base-uri 'none'; form-action 'none'";

/**
 * The page of a folder, whole HTML without scripts, to be sent with `LISTING_POLICY`. `path` is its canonical path as the
 * client sees it, mount included, with a slash at its end; `isRoot` is for a folder without a listed parent. All links
 * are relative, so they work behind a proxy that serves the folder elsewhere. Entries keep their order; after
 * `MAX_ENTRIES` the rest is left out, and the page says so.
 */
export function listingPage(path: string, entries: readonly FolderEntry[], isRoot: boolean): string {
  const names = path.split("/").slice(1, -1).map(decodeSegment);
  const crumbs = ["Home", ...names].slice(0, -1).map((name, index) => {
    return `<li><a href="${"../".repeat(names.length - index)}">${isolated(name)}</a>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(visible(`Index of /${names.map((name) => `${name}/`).join("")}`))}</title>
<link rel="icon" href="${drawing(FOLDER, "#4a7fe8")}">
<style>${STYLE}</style>
${crumbs.length === 0 ? "" : `<nav aria-label="Breadcrumb"><ol>${crumbs.join("")}</ol></nav>\n`}<main>
<h1>${isolated(names.at(-1) ?? "Home")}</h1>
<div class="card">
${contents(entries.slice(0, MAX_ENTRIES), isRoot, entries.length > MAX_ENTRIES)}</div>
</main>
</html>
`;
}

/**
 * A folder as JSON: `{"path": "/docs/", "entries": [{"name": "a b.txt", "url": "./a%20b.txt", "type": "file", "size": 12,
 * "modified": "2024-05-06T07:08:09.000Z"}]}`. `path` stays percent-encoded, a `url` is relative to it, `type` is `file` or
 * `folder`; `size` and `modified` are absent where unknown. With `"truncated": true` there are more entries than these.
 */
export function listingJson(path: string, entries: readonly FolderEntry[]): string {
  const listed = entries.slice(0, MAX_ENTRIES).map((entry) => ({
    name: entry.name,
    url: entryUrl(entry),
    type: entry.isFolder ? "folder" : "file",
    size: entry.size,
    modified: entry.modified === undefined ? undefined : new Date(entry.modified).toISOString(),
  }));
  return `${JSON.stringify({ path, entries: listed, ...(entries.length > MAX_ENTRIES && { truncated: true }) })}\n`;
}

function contents(entries: readonly FolderEntry[], isRoot: boolean, isCut: boolean): string {
  const isDetailed = entries.some(({ modified }) => modified !== undefined);
  const up = isRoot ? "" : `<a class="link up" href="../"><span>Parent folder</span></a>`;
  if (entries.length === 0) return `${up}\n<p class="note">This folder is empty.\n`;
  const rows = entries.map((entry) => row(entry, isDetailed));
  if (!isRoot) rows.unshift(`<tr><th scope="row">${up}${isDetailed ? "<td><td>" : ""}`);
  return `<table>
<caption>${summary(entries)}${isCut ? "; more entries are not listed" : ""}</caption>
<thead><tr><th scope="col">Name${isDetailed ? DETAILS : ""}
<tbody>
${rows.join("\n")}
</table>
`;
}

const DETAILS = `<th scope="col">Size<th scope="col">Modified<span class="wide"> (UTC)</span>`;

function summary(entries: readonly FolderEntry[]): string {
  const folders = entries.filter(({ isFolder }) => isFolder).length;
  const counts = [counted(folders, "folder"), counted(entries.length - folders, "file")];
  return counts.filter((text) => !text.startsWith("0 ")).join(", ");
}

function row(entry: FolderEntry, isDetailed: boolean): string {
  const [kind, slash] = entry.isFolder ? ["link folder", "/"] : ["link", ""];
  // Of the characters that `encodeURIComponent` leaves, only the apostrophe matters in HTML, and not between other quotes.
  const name = `<a class="${kind}" href="${entryUrl(entry)}"><span>${isolated(entry.name)}${slash}</span></a>`;
  const details = isDetailed ? `<td>${sizeOf(entry)}<td>${timeOf(entry)}` : "";
  return `<tr><th scope="row">${name}${details}`;
}

/** A link to an entry; the dot keeps a name with a colon from being a scheme. */
function entryUrl({ name, isFolder }: FolderEntry): string {
  return `./${encodeURIComponent(name)}${isFolder ? "/" : ""}`;
}

function sizeOf({ size }: FolderEntry): string {
  if (size === undefined) return "";
  return `<data value="${size}" title="${counted(size, "byte")}">${readableSize(size)}</data>`;
}

function timeOf({ modified }: FolderEntry): string {
  if (modified === undefined) return "";
  const iso = new Date(modified).toISOString();
  const [day, clock = ""] = iso.split("T");
  return `<time datetime="${iso}">${day}<span class="wide"> ${clock.slice(0, 5)}</span></time>`;
}

const UNITS = ["kB", "MB", "GB", "TB", "PB"];

function readableSize(size: number): string {
  if (size < 1000) return `${size} B`;
  let value = size / 1000;
  let unit = 0;
  for (; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

const { format } = new Intl.NumberFormat("en");

function counted(count: number, noun: string): string {
  return `${format(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** A name as text of its own direction, isolated from the text around it. */
function isolated(name: string): string {
  return `<bdi>${escapeHtml(visible(name))}</bdi>`;
}

/** Decodes the escapes of a segment, except those that are not UTF-8. */
function decodeSegment(segment: string): string {
  return segment.replace(/(?:%[\dA-F]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

/** Characters that are invisible or move others: controls, line ends, invisible characters except those within letters. */
const HIDDEN = /(?!\u200c|\u200d|\p{VS}|[\u{e0020}-\u{e007f}])[\p{Cc}\p{Zl}\p{Zp}\p{DI}\ufff9-\ufffb]|^\s+|\s+$/gu;

/** A name with each character visible: `⟨U+202E⟩` stands for one that is not. */
function visible(name: string): string {
  return name.replace(HIDDEN, (chars) => Array.from(chars, escapeChar).join(""));
}

function escapeChar(char: string): string {
  return `\u27e8U+${char.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}
