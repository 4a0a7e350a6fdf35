/** An error page for a terminal. */

import { escapeControls } from "../../escape.ts";
import { type Failure, headingOf } from "./failure.ts";
import { groupsOf } from "./groups.ts";
import type { Report } from "./report.ts";
import { type Frame, sourceAround } from "./stack.ts";

/** The report as plain text, in which nothing commands a terminal. */
export function textPage({ status, request, failure, passed, mount }: Report): string {
  const way = passed.map(({ name, label }) => (label === undefined ? name : `${label} → ${name}`)).join(" → ");
  const lines = [
    status,
    "",
    ...failureLines(failure, true),
    "",
    `Request: ${request}`,
    ...(mount === "" ? [] : [`Mounted at: ${mount}`]),
    ...(passed.length > 1 ? [`Passed: ${way}`] : []),
  ];
  return `${lines.map(escapeControls).join("\n")}\n`;
}

function failureLines(failure: Failure, isFirst: boolean): string[] {
  const { relation, details, frames, shared, inner } = failure;
  return [
    ...`${relation === "" ? "" : `${relation}: `}${headingOf(failure)}`.split("\n"),
    ...details.map(([name, value]) => `    ${name}: ${value}`),
    ...(isFirst ? sourceLines(frames) : []),
    ...groupsOf(frames).flatMap(({ owners, frames: group }) =>
      owners.length === 0 ? group.map(({ text }) => `    ${text}`) : [`    … ${group.length} in ${owners.join(", ")}`],
    ),
    ...(shared === 0 ? [] : [`    … ${shared} as above`]),
    ...inner.flatMap((each) => ["", ...failureLines(each, false)]),
  ];
}

function sourceLines(frames: readonly Frame[]): string[] {
  const place = frames.find(({ owner }) => owner === "")?.place;
  const lines = place === undefined ? [] : sourceAround(place, 2);
  if (place === undefined || lines.length === 0) return [];
  const width = String(lines.at(-1)?.number).length;
  const shown = lines.map(
    ({ number, text }) => `${number === place.line ? ">" : " "} ${String(number).padStart(width)} | ${text}`,
  );
  return ["", ...shown, ""];
}
