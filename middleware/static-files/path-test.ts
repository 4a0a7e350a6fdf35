/** Options that choose files by their paths. */

import { immediate } from "../../src/immediate.ts";
import { either, FUNCTION, type Kind } from "../../src/options.ts";

/** Files by their paths below the export: those that start with a prefix, match a pattern, or are accepted by a function. */
export type PathTest = string | RegExp | ((path: string) => boolean);

const PREFIX: Kind = {
  expected: 'a prefix of paths ("/assets/")',
  accepts: (value) => typeof value === "string" && value.startsWith("/"),
};

const PATTERN: Kind = { expected: "a pattern (/^\\/assets\\//)", accepts: (value) => value instanceof RegExp };

export const PATH_TEST: Kind = either(PREFIX, PATTERN, { ...FUNCTION, expected: "a function of a path" });

/** Whether a path is among the files of an option. */
export type IsAmong = (path: string) => boolean;

/** Compiles an option that chooses files; `ifTrue` stands for `true`. */
export function pathTest(option: PathTest | boolean, ifTrue: IsAmong = () => true): IsAmong {
  if (typeof option === "boolean") return option ? ifTrue : () => false;
  if (typeof option === "string") return (path) => path.startsWith(option);
  if (typeof option === "function") return immediate("a test of paths of staticFiles", option);
  // A `g` or `y` would have a pattern start where it ended last.
  const pattern = new RegExp(option.source, option.flags.replace(/[gy]/g, ""));
  return (path) => pattern.test(path);
}
