/** Parses the command line. */

import { existsSync } from "node:fs";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearestTo } from "../options.ts";
import { CommandError } from "./command-error.ts";
import type { SettingName } from "./configuration/setting.ts";
import { flagOf, SETTING_NAMES, settingOf } from "./configuration/settings.ts";
import type { FlagValue } from "./configuration/sources.ts";

/** What the command does. */
export type Action = "serve" | "static" | "precompress" | "check" | "config" | "ctl" | "new" | "proxy";

/** What the command is asked to do. */
export interface Arguments {
  readonly action: Action;
  /** The folder of `static`, `precompress` and `new`; what names an app is a setting. */
  readonly folder: string;
  /** The request paths that `check` is given. */
  readonly paths: readonly string[];
  /** What `ctl` is told, and the targets of `proxy`. */
  readonly words: readonly string[];
  /** The settings that are given, the module of an app included. */
  readonly settings: ReadonlyMap<SettingName, FlagValue>;
  readonly flags: Flags;
}

/** The flags of `static`; each part of the command checks the values of its own. */
export interface StaticFlags {
  readonly listing?: boolean;
  readonly single?: boolean;
  readonly cors?: boolean;
  readonly cache?: string;
  readonly immutable?: boolean;
  readonly dotfiles?: boolean;
}

/** The flags of `proxy`. */
export interface ProxyFlags {
  readonly balance?: string;
  readonly health?: string;
  readonly "preserve-host"?: boolean;
  readonly trust?: string;
  readonly insecure?: boolean;
  readonly "target-timeout"?: string;
}

/** The flags that are not settings. */
export interface Flags extends StaticFlags, ProxyFlags {
  readonly config?: string;
  readonly open?: boolean;
  readonly only?: string;
  readonly json?: boolean;
  readonly version?: boolean;
  readonly help?: boolean;
}

type FlagTypes = NonNullable<ParseArgsConfig["options"]>;

const SWITCH = { type: "boolean" } as const;
const TEXT = { type: "string" } as const;

const CONFIG: FlagTypes = { config: TEXT };
const STATIC: FlagTypes = {
  listing: SWITCH,
  single: SWITCH,
  cors: SWITCH,
  cache: TEXT,
  immutable: SWITCH,
  dotfiles: SWITCH,
  open: SWITCH,
};
const PROXY: FlagTypes = {
  balance: TEXT,
  health: TEXT,
  "preserve-host": SWITCH,
  trust: TEXT,
  insecure: SWITCH,
  "target-timeout": TEXT,
  open: SWITCH,
};
const LOADING: FlagTypes = typesOf((name) => settingOf(name).section === "app");
const SERVING: FlagTypes = { ...typesOf((name) => settingOf(name).section !== "app"), ...CONFIG };
const CONTROL: FlagTypes = typesOf((name) => name === "control");
const PRECOMPRESS: FlagTypes = { only: TEXT, quiet: SWITCH };
const GENERAL: FlagTypes = { json: SWITCH, version: SWITCH, help: { ...SWITCH, short: "h" } };

/** The flags of those settings that have one. */
function typesOf(isWanted: (name: SettingName) => boolean): FlagTypes {
  const names = SETTING_NAMES.filter((name) => settingOf(name).flag !== undefined && isWanted(name));
  return Object.fromEntries(
    names.map((name) => {
      const { flag, reader } = settingOf(name);
      const short = flag?.short === undefined ? {} : { short: flag.short };
      return [flagOf(name), { ...(reader.isSwitch ? SWITCH : TEXT), ...short, multiple: reader.isList ?? false }];
    }),
  );
}

interface ActionRule {
  readonly action: Action;
  /** How messages call it. */
  readonly called: string;
  /** Its options. */
  readonly takes: FlagTypes;
  /** How many arguments it takes, its own name included. */
  readonly most: number;
}

const SERVE: ActionRule = { action: "serve", called: "tsgi <module>", takes: { ...LOADING, ...SERVING }, most: 1 };

/** The actions that are called by their name. */
const NAMED: readonly ActionRule[] = [
  { action: "static", called: "tsgi static", takes: { ...SERVING, ...STATIC }, most: 2 },
  { action: "proxy", called: "tsgi proxy", takes: { ...SERVING, ...PROXY }, most: Number.POSITIVE_INFINITY },
  { action: "precompress", called: "tsgi precompress", takes: PRECOMPRESS, most: 2 },
  { action: "new", called: "tsgi new", takes: {}, most: 2 },
  { action: "check", called: "tsgi check", takes: { ...LOADING, ...CONFIG }, most: Number.POSITIVE_INFINITY },
  { action: "config", called: "tsgi config", takes: { ...LOADING, ...SERVING, json: SWITCH }, most: 2 },
  { action: "ctl", called: "tsgi ctl", takes: { ...CONFIG, ...CONTROL, json: SWITCH }, most: Number.POSITIVE_INFINITY },
];

/** Parses the command line. Throws a `CommandError` that says what is wrong with it. */
export function parseArguments(args: string[]): Arguments {
  const { values, positionals } = parse(args);
  const rule = NAMED.find(({ action }) => action === positionals[0]) ?? SERVE;
  const { action } = rule;
  const [target, ...paths] = action === "serve" ? positionals : positionals.slice(1);
  const flags = values as Flags;
  const settings = settingsOf(values);
  if (flags.help || flags.version) return { action, folder: "", paths: [], words: [], settings, flags };
  if (action === "serve") checkMistyped(positionals);
  if (positionals.length > rule.most) {
    throw new CommandError(`${JSON.stringify(positionals[rule.most])} is one argument too many; see tsgi --help`);
  }
  checkTakes(rule, values);
  if (action === "ctl" || action === "proxy") {
    return { action, folder: "", paths: [], words: positionals.slice(1), settings, flags };
  }
  const ofFolder = action === "static" || action === "precompress" || action === "new";
  if (!ofFolder && target !== undefined) settings.set("app", target);
  const folder = ofFolder ? (target ?? defaultFolder(action)) : "";
  return { action, folder, paths: paths.map(checkRequestPath), words: [], settings, flags };
}

function settingsOf(values: object): Map<SettingName, FlagValue> {
  const given = new Map<SettingName, FlagValue>();
  for (const name of SETTING_NAMES) {
    const value = (values as Record<string, FlagValue | undefined>)[flagOf(name)];
    if (value !== undefined) given.set(name, value);
  }
  return given;
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

function parse(args: string[]): { values: object; positionals: string[] } {
  const options = { ...LOADING, ...SERVING, ...STATIC, ...PROXY, ...PRECOMPRESS, ...GENERAL };
  try {
    return parseArgs({ args, allowPositionals: true, allowNegative: true, options });
  } catch (error) {
    const [sentence = ""] = (error as Error).message.split(/\. |\n/);
    const typed = /^Unknown option '--(.+)'/.exec(sentence)?.[1];
    const meant = typed && nearestTo(typed, Object.keys(options));
    throw new CommandError(`${sentence.replace(/\.$/, "")}; ${meant ? `did you mean --${meant}?` : "see tsgi --help"}`);
  }
}

function checkTakes(rule: ActionRule, values: object): void {
  for (const flag of Object.keys(values)) {
    if (flag in rule.takes) continue;
    const takers = [SERVE, ...NAMED].filter(({ takes }) => flag in takes);
    const [last, ...others] = takers.map(({ called }) => called).reverse() as [string, ...string[]];
    const names = others.length === 0 ? last : `${others.reverse().join(", ")} and ${last}`;
    throw new CommandError(`--${flag} is an option of ${names}; see tsgi --help`);
  }
}

function defaultFolder(action: Action): string {
  if (action === "static") return ".";
  if (action === "new")
    throw new CommandError("which folder? Name one, for example: tsgi new my-site (see tsgi --help)");
  throw new CommandError("which folder? Name one, for example: tsgi precompress public (see tsgi --help)");
}
