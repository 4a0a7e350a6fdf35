/** An error page for a person. It needs no script: what folds are `details`. */

import { createHash } from "node:crypto";
import { relative } from "node:path";
import { escapeHtml } from "../../escape.ts";
import { type Failure, headingOf } from "./failure.ts";
import { groupsOf } from "./groups.ts";
import { highlight } from "./highlight.ts";
import type { Passed } from "./passed.ts";
import type { Report } from "./report.ts";
import { type Frame, type Place, sourceAround } from "./stack.ts";
import { STYLE } from "./style.ts";
import { textPage } from "./text.ts";

/** The `Content-Security-Policy` of the page: its own style, and nothing else. */
export const POLICY: string = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'`;

type LinkTo = Report["linkTo"];

/** The report as HTML, in which everything that comes from elsewhere is escaped. */
export function htmlPage(report: Report): string {
  const { status, request, failure, passed, environ, linkTo } = report;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(headingOf(failure))}</title><style>${STYLE}</style>
<h1><b>${escapeHtml(status)}</b> at ${escapeHtml(request)}</h1>
${failureSection(failure, linkTo, passed.length > 1 ? wayList(passed) : "")}
<h2>Environ</h2>
<table>
${environ.map(([name, value]) => `<tr><th>${escapeHtml(name)}<td>${escapeHtml(value)}`).join("\n")}
</table>
<h2>As text</h2>
<details class="others"><summary>to copy</summary><pre class="plain">${escapeHtml(textPage(report))}</pre></details>
`;
}

function failureSection(failure: Failure, linkTo: LinkTo, way = ""): string {
  const { relation, details, frames, shared, inner } = failure;
  const isFirst = relation === "";
  return `${isFirst ? "" : `<section class="inner"><p class="relation">${escapeHtml(relation)}</p>`}
<p class="message">${escapeHtml(headingOf(failure))}</p>
${details.map(([name, value]) => `<p class="relation">${escapeHtml(name)}: <code>${escapeHtml(value)}</code></p>\n`).join("")}${way}${stackSection(frames, linkTo)}${shared === 0 ? "" : `<p class="relation">… ${shared} as above</p>`}
${inner.map((each) => failureSection(each, linkTo)).join("\n")}${isFirst ? "" : "</section>"}`;
}

function stackSection(frames: readonly Frame[], linkTo: LinkTo): string {
  let isFirst = true;
  const sections = groupsOf(frames).map(({ owners, frames: group }) => {
    if (owners.length > 0) return othersSection(owners, group, linkTo);
    return group
      .map((frame) => {
        const section = ownSection(frame, isFirst ? 5 : 1, linkTo);
        isFirst = false;
        return section;
      })
      .join("\n");
  });
  return sections.join("\n");
}

/** A frame of the user's own, with its source. */
function ownSection({ text, called, place }: Frame, context: number, linkTo: LinkTo): string {
  if (place === undefined) return `<details open><summary>${escapeHtml(text)}</summary></details>`;
  const title = called === "" ? "" : `${escapeHtml(called)} `;
  const lines = sourceAround(place, context);
  const width = String(lines.at(-1)?.number ?? "").length;
  const source = lines.map(({ number, text: line }) => {
    const isAt = number === place.line;
    return `<span${isAt ? ' class="at"' : ""}><i>${String(number).padStart(width)}</i>${highlight(line)}</span>`;
  });
  return `<details open><summary>${title}<span class="where">${placeLink(place, linkTo)}</span></summary>${
    source.length === 0 ? "" : `<pre class="source" tabindex="0">${source.join("")}</pre>`
  }</details>`;
}

/** Frames of packages, tsgi and Node, folded. */
function othersSection(owners: readonly string[], frames: readonly Frame[], linkTo: LinkTo): string {
  const items = frames.map(({ text, called, place }) => {
    if (place === undefined) return `<li>${escapeHtml(text.replace(/^at /, ""))}`;
    return `<li>${called === "" ? "" : `${escapeHtml(called)} `}${placeLink(place, linkTo)}`;
  });
  const count = frames.length === 1 ? "1 frame" : `${frames.length} frames`;
  return `<details class="others"><summary>${count} in ${escapeHtml(owners.join(", "))}</summary><ul>
${items.join("\n")}
</ul></details>`;
}

function placeLink(place: Place, linkTo: LinkTo): string {
  const short = relative(process.cwd(), place.path);
  const shown = `${short === "" || short.startsWith("..") ? place.path : short}:${place.line}:${place.column}`;
  const link = linkTo(place);
  return link === undefined ? escapeHtml(shown) : `<a href="${escapeHtml(link)}">${escapeHtml(shown)}</a>`;
}

function wayList(passed: readonly Passed[]): string {
  const items = passed.map(({ name, label, isWhereItFailed }) => {
    const chosen = label === undefined ? "" : `<small>${escapeHtml(label)}</small> `;
    return `<li${isWhereItFailed ? ' class="failed"' : ""}>${chosen}${escapeHtml(name)}</li>`;
  });
  return `<ol class="way" aria-label="Passed on the way">${items.join("")}</ol>\n`;
}
