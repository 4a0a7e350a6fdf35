/** The command line, taken apart. */

import { parseArgs } from "node:util";
import { CommandError } from "./command-error.ts";

/** What the command can do. */
export type Action = "serve" | "static" | "precompress" | "check";

/** What the command is to do. */
export interface Arguments {
  readonly action: Action;
  /** The module with its export, or the folder. */
  readonly target: string;
  readonly flags: Flags;
}

/** The options as they were given; each part of the command checks the values of its own. */
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
  port: { type: "string" },
  unix: { type: "string" },
  "tls-key": { type: "string" },
  "tls-cert": { type: "string" },
  development: { type: "boolean" },
  verbose: { type: "boolean" },
} as const;

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

/** What each action is called and which options it takes. */
const ACTIONS: readonly { readonly action: Action; readonly called: string; readonly takes: object }[] = [
  { action: "serve", called: "tsgi <module>", takes: { ...LOADING, ...SERVING } },
  { action: "static", called: "tsgi static", takes: STATIC },
  { action: "precompress", called: "tsgi precompress", takes: PRECOMPRESS },
  { action: "check", called: "tsgi check", takes: LOADING },
];

/** Takes the command line apart. Throws a `CommandError` that says what is wrong with it. */
export function parseArguments(args: string[]): Arguments {
  const { flags, positionals } = parse(args);
  const [first, second] = positionals;
  const action = ACTIONS.find((each) => each.action === first && first !== "serve")?.action ?? "serve";
  const target = action === "serve" ? first : second;
  if (flags.help || flags.version) return { action, target: "", flags };
  const expected = action === "serve" ? 1 : 2;
  if (positionals.length > expected) {
    throw new CommandError(`${JSON.stringify(positionals[expected])} is one argument too many; see tsgi --help`);
  }
  checkTakes(action, flags);
  return { action, target: target ?? defaultTarget(action), flags };
}

function parse(args: string[]): { flags: Flags; positionals: string[] } {
  const options = {
    ...LOADING,
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

function checkTakes(action: Action, flags: Flags): void {
  for (const flag of Object.keys(flags)) {
    const takers = ACTIONS.filter(({ takes }) => flag in takes);
    if (takers.some((each) => each.action === action)) continue;
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
