/** Where settings come from: flags, before the config file, before the environment, before defaults. */

import { escapeControls } from "../../escape.ts";
import { nearestTo, showOption } from "../../options.ts";
import { CommandError } from "../command-error.ts";
import { type Activated, FIRST_ACTIVATED } from "../systemd/activation.ts";
import { mover } from "./reader.ts";
import type { SettingName, Values } from "./setting.ts";
import { flagOf, SETTING_NAMES, settingOf } from "./settings.ts";

/** What a flag was given: of a list all values, of a switch whether it is on. */
export type FlagValue = string | boolean | readonly string[];

/** A config file that was read. */
export interface ConfigFile {
  /** As messages call it: `"tsgi.config.ts"`. */
  readonly name: string;
  /** What its paths are relative to. */
  readonly folder: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What settings are read from. */
export interface Sources {
  readonly flags: ReadonlyMap<SettingName, FlagValue>;
  readonly file: ConfigFile | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** The sockets that systemd has opened. Default: none. */
  readonly activated?: Activated;
}

/** From where a value has come; a setting that another one replaces has none. */
export interface Origin {
  readonly from: "flag" | "file" | "environment" | "default" | "replaced";
  /** `"--port"`, `"the argument"`, `"tsgi.config.ts"`, `"PORT"`; `""` for a default; the setting that replaces it. */
  readonly name: string;
}

/** All settings, and where each has come from. */
export interface Resolved {
  readonly values: Values;
  readonly origins: Readonly<Record<SettingName, Origin>>;
}

type Given = Map<SettingName, { readonly value: unknown; readonly origin: Origin }>;

/** Settings that replace each other: what the first source that has some of them says, holds. */
const ALTERNATIVES: readonly (readonly (readonly SettingName[])[])[] = [
  [["bind"], ["unix"], ["host", "port"]],
  [["tlsPassphraseFile"], ["tlsPassphrase"]],
];

/** resolveSettings reads all settings. Throws a `CommandError` for a value that is wrong and for a key that is unknown. */
export function resolveSettings({ flags, file, environment, activated = [] }: Sources): Resolved {
  const levels = [fromFlags(flags), fromFile(file), fromEnvironment(environment)];
  addActivated(levels as [Given, Given, Given], activated);
  const replaced = new Map(ALTERNATIVES.flatMap((alternatives) => leaveOne(levels, alternatives)));
  const found = SETTING_NAMES.map((name) => {
    const given = levels.find((level) => level.has(name))?.get(name);
    return [name, given ?? initial(name, replaced.get(name))] as const;
  });
  return {
    values: Object.fromEntries(found.map(([name, { value }]) => [name, value])) as unknown as Values,
    origins: Object.fromEntries(found.map(([name, { origin }]) => [name, origin])) as Resolved["origins"],
  };
}

function initial(name: SettingName, replacing: SettingName | undefined): { value: unknown; origin: Origin } {
  const { default: value } = settingOf(name);
  const isReplaced = replacing !== undefined && value !== undefined;
  return { value, origin: isReplaced ? { from: "replaced", name: replacing } : { from: "default", name: "" } };
}

/** What messages call a setting that comes from a source. */
function called(name: SettingName, { from, name: source }: Origin): string {
  return from === "file" ? `${source}: ${name}` : source;
}

/** Gives the settings that are replaced, each with what replaces it. */
function leaveOne(
  levels: readonly Given[],
  alternatives: readonly (readonly SettingName[])[],
): (readonly [SettingName, SettingName])[] {
  let chosen: readonly SettingName[] | undefined;
  for (const level of levels) {
    const given = alternatives.filter((names) => names.some((name) => level.has(name)));
    const [first, second] = given;
    if (chosen === undefined && first !== undefined && second !== undefined) throw excluded(level, first, second);
    chosen ??= first;
    for (const names of given) if (names !== chosen) for (const name of names) level.delete(name);
  }
  const [replacing] = chosen ?? [];
  const others = alternatives.filter((names) => names !== chosen).flat();
  return replacing === undefined ? [] : others.map((name) => [name, replacing] as const);
}

function excluded(level: Given, [name]: readonly SettingName[], others: readonly SettingName[]): CommandError {
  const { origin } = level.get(name as SettingName) as { origin: Origin };
  const names = others.map((other) => (origin.from === "flag" ? `--${flagOf(other)}` : other)).join(" and ");
  return new CommandError(
    `${called(name as SettingName, origin)} replaces ${names}; leave ${others.length > 1 ? "those" : "that"} out`,
  );
}

function fromFlags(flags: Sources["flags"]): Given {
  const given: Given = new Map();
  for (const [name, raw] of flags) {
    // What names the app has no flag.
    const flag = settingOf(name).flag === undefined ? "the argument" : `--${raw === false ? "no-" : ""}${flagOf(name)}`;
    const value = typeof raw === "boolean" ? raw : readTexts(name, typeof raw === "string" ? [raw] : raw, flag);
    given.set(name, { value, origin: { from: "flag", name: flag } });
  }
  return given;
}

/** The value of one text, or the list of all. */
function readTexts(name: SettingName, texts: readonly string[], source: string): unknown {
  const { reader } = settingOf(name);
  const values = texts.map((text) => {
    const value = reader.fromText(text);
    if (value !== undefined) return value;
    const wrong = text === "" ? "is empty" : `${escapeControls(text)} is not ${reader.what}`;
    throw new CommandError(`${source} ${wrong}; ${reader.advice}`);
  });
  return reader.isList ? values.flat() : values.at(-1);
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Given {
  const given: Given = new Map();
  for (const name of SETTING_NAMES) {
    const { variable } = settingOf(name);
    // A variable that is set to nothing counts as one that is not set.
    const text = (variable !== undefined && environment[variable]) || undefined;
    if (text === undefined) continue;
    const value = readTexts(name, [text], `${variable} in the environment:`);
    given.set(name, { value, origin: { from: "environment", name: variable as string } });
  }
  return given;
}

/**
 * Sockets of systemd are the places where flags do not say otherwise, nor `bind` or `unix` in the file: its host and port are for
 * when there are none.
 */
function addActivated(levels: [Given, Given, Given], activated: Activated): void {
  const status = levels.find((level) => level.has("status"))?.get("status")?.value;
  const value = [...activated.keys()]
    .filter((index) => `fd:${activated[index]}` !== status && `fd:${FIRST_ACTIVATED + index}` !== status)
    .map((index) => `fd:${FIRST_ACTIVATED + index}`);
  if (value.length === 0) return;
  const [, file] = levels;
  const before = file.has("bind") || file.has("unix") ? 2 : 1;
  levels.splice(before, 0, new Map([["bind", { value, origin: { from: "environment", name: "LISTEN_FDS" } }]]));
}

function fromFile(file: ConfigFile | undefined): Given {
  const given: Given = new Map();
  if (file === undefined) return given;
  const move = mover(file.folder);
  for (const [key, raw] of Object.entries(file.config)) {
    const name = SETTING_NAMES.find((each) => each === key);
    if (name === undefined) throw unknownKey(file, key);
    if (raw === undefined) continue;
    const { reader, isSecret } = settingOf(name);
    const value = reader.fromFile(raw);
    if (value === undefined) {
      const shown = isSecret ? "" : ` ${showOption(raw)},`;
      throw new CommandError(`${file.name}: ${name} is${shown} not ${reader.what}; ${reader.advice}`);
    }
    given.set(name, { value: reader.move?.(value, move) ?? value, origin: { from: "file", name: file.name } });
  }
  return given;
}

function unknownKey({ name }: ConfigFile, key: string): CommandError {
  const meant = nearestTo(key, SETTING_NAMES);
  const advice = meant === undefined ? "tsgi config prints all settings" : `did you mean ${meant}?`;
  return new CommandError(`${name}: there is no setting ${JSON.stringify(key)}; ${advice}`);
}
