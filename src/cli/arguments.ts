/** Parses the command line. */

import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { nearestTo } from "../options.ts";
import { CommandError } from "./command-error.ts";

/** What the command does. */
export type Action = "serve" | "static" | "precompress" | "check";

/** What the command is asked to do. */
export interface Arguments {
  readonly action: Action;
  /** The module with its export, or the folder. */
  readonly target: string;
  /** The request paths that `check` is given. */
  readonly paths: readonly string[];
  readonly flags: Flags;
}

/** The options as given; each part of the command checks the values of its own. */
export interface Flags {
  readonly interface?: string | undefined;
  readonly factory?: boolean | undefined;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly unix?: string | undefined;
  readonly "tls-key"?: string | undefined;
  readonly "tls-cert"?: string | undefined;
  readonly development?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly reload?: boolean | undefined;
  readonly listing?: boolean | undefined;
  readonly single?: boolean | undefined;
  readonly cors?: boolean | undefined;
  readonly cache?: string | undefined;
  readonly immutable?: boolean | undefined;
  readonly dotfiles?: boolean | undefined;
  readonly open?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly only?: string | undefined;
  readonly version?: boolean | undefined;
  readonly help?: boolean | undefined;
}

const LOADING = { interface: { type: "string" }, factory: { type: "boolean" } } as const;

const SERVING = {
  host: { type: "string" },
  port: { type: "string", short: "p" },
  unix: { type: "string" },
  "tls-key": { type: "string" },
  "tls-cert": { type: "string" },
  development: { type: "boolean" },
  verbose: { type: "boolean" },
} as const;

const RELOADING = { reload: { type: "boolean" } } as const;

const STATIC = {
  ...SERVING,
  listing: { type: "boolean" },
  single: { type: "boolean" },
  cors: { type: "boolean" },
  cache: { type: "string" },
  immutable: { type: "boolean" },
  dotfiles: { type: "boolean" },
  open: { type: "boolean" },
  quiet: { type: "boolean" },
} as const;

const PRECOMPRESS = { only: { type: "string" }, quiet: { type: "boolean" } } as const;

interface ActionRule {
  readonly action: Action;
  /** How messages call it. */
  readonly called: string;
  /** Its options. */
  readonly takes: object;
  /** How many arguments it takes, its own name included. */
  readonly most: number;
}

const SERVE: ActionRule = {
  action: "serve",
  called: "tsgi <module>",
  takes: { ...LOADING, ...SERVING, ...RELOADING },
  most: 1,
};

/** The actions that are called by their name. */
const NAMED: readonly ActionRule[] = [
  { action: "static", called: "tsgi static", takes: STATIC, most: 2 },
  { action: "precompress", called: "tsgi precompress", takes: PRECOMPRESS, most: 2 },
  { action: "check", called: "tsgi check", takes: LOADING, most: Number.POSITIVE_INFINITY },
];

/** Parses the command line. Throws a `CommandError` that says what is wrong with it. */
export function parseArguments(args: string[]): Arguments {
  const { flags, positionals } = parse(args);
  const rule = NAMED.find(({ action }) => action === positionals[0]) ?? SERVE;
  const { action } = rule;
  const [target, ...paths] = action === "serve" ? positionals : positionals.slice(1);
  if (flags.help || flags.version) return { action, target: "", paths, flags };
  if (action === "serve") checkMistyped(positionals);
  if (positionals.length > rule.most) {
    throw new CommandError(`${JSON.stringify(positionals[rule.most])} is one argument too many; see tsgi --help`);
  }
  checkTakes(rule, flags);
  return { action, target: target ?? defaultTarget(action), paths: paths.map(checkRequestPath), flags };
}

/** A module of that name does not exist: `statik` was meant to be `static`, and `serve site.ts` to be `site.ts`. */
function checkMistyped([first, ...rest]: string[]): void {
  if (first === undefined || existsSync(first)) return;
  const names = NAMED.map(({ action }): string => action);
  const meant = nearestTo(first, rest.length > 0 ? [...names, "serve"] : names);
  if (meant === undefined) return;
  const words = meant === "serve" ? rest : [meant, ...rest];
  throw new CommandError(`there is no command ${first}; did you mean: ${["tsgi", ...words].join(" ")}`);
}

function checkRequestPath(path: string): string {
  if (path.startsWith("/")) return path;
  throw new CommandError(`${JSON.stringify(path)} is not a path of the app; it starts with a slash`);
}

function parse(args: string[]): { flags: Flags; positionals: string[] } {
  const options = {
    ...LOADING,
    ...RELOADING,
    ...STATIC,
    ...PRECOMPRESS,
    version: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
    return { flags: values, positionals };
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\. |\n/);
    throw new CommandError(`${sentence?.replace(/\.$/, "")}; see tsgi --help`);
  }
}

function checkTakes(rule: ActionRule, flags: Flags): void {
  for (const flag of Object.keys(flags)) {
    if (flag in rule.takes) continue;
    const takers = [SERVE, ...NAMED].filter(({ takes }) => flag in takes);
    const names = takers.map(({ called }) => called).join(" and ");
    throw new CommandError(`--${flag} is an option of ${names}; see tsgi --help`);
  }
}

function defaultTarget(action: Action): string {
  if (action === "static") return ".";
  throw new CommandError(
    action === "precompress"
      ? "which folder? Name one, for example: tsgi precompress public (see tsgi --help)"
      : "which module? Name one, for example: tsgi site.ts:app (see tsgi --help)",
  );
}
