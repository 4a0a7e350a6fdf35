/** The parts of a site, as the command prints them when it starts to serve. */

import { mountTree } from "../../middleware/dispatcher/mount-tree.ts";
import { escapeControls } from "../escape.ts";
import type { App } from "../gateway.ts";

/** How many lines of a site are printed. */
const MOST_LINES = 40;

/** The lines of the tree of a site: what is mounted where, and what serves it. None for an app that mounts nothing. */
export function siteTree(app: App): string[] {
  const lines = mountTree(app).split("\n").map(escapeControls);
  if (lines.length === 1) return [];
  const rest = lines.length - MOST_LINES;
  return rest > 0 ? [...lines.slice(0, MOST_LINES), `… and ${rest} more`] : lines;
}
