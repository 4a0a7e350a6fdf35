/** How the values of settings are read: texts of the command line and of the environment, and values of a config file. */

import { isAbsolute, join, relative } from "node:path";
import { networksOf } from "../../networks.ts";
import { LONGEST } from "../../server/options.ts";
import { isBind, moveBind } from "./bind.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { formatSize, parseSize } from "./size.ts";

/** Reads the values of one kind. */
export interface Reader<Value> {
  /** What a value is, for messages: `"a port"`. */
  readonly what: string;
  /** What to give instead: `"choose 0 to 65535"`. */
  readonly advice: string;
  /** The value of a text; undefined where it is wrong. */
  fromText(text: string): Value | undefined;
  /** The value that a config file gives; undefined where it is wrong. */
  fromFile(value: unknown): Value | undefined;
  /** The text of a value, as `fromText` reads it. */
  toText(value: Value): string;
  /** A value whose paths are relative to another folder by `move`. Absent: it has no paths. */
  readonly move?: (value: Value, move: (path: string) => string) => Value;
  /** Whether the values of several flags are one list. */
  readonly isList?: true;
  /** Whether its flag has no value. */
  readonly isSwitch?: true;
}

export const SWITCH: Reader<boolean> = {
  what: "true or false",
  advice: "give one of them",
  fromText: (text) => (text === "true" ? true : text === "false" ? false : undefined),
  fromFile: (value) => (typeof value === "boolean" ? value : undefined),
  toText: String,
  isSwitch: true,
};

/** A text that is not empty, and that `pattern` fits. */
export function text(what: string, advice: string, pattern: RegExp = /./s): Reader<string> {
  const fromText = (value: string) => (pattern.test(value) ? value : undefined);
  return { what, advice, fromText, fromFile: ifText(fromText), toText: (value) => value };
}

/** The path of a file; `words` are values that are not paths. */
export function path(what: string, ...words: readonly string[]): Reader<string> {
  return {
    ...text(what, "give its path"),
    move: (value, move) => (words.includes(value) ? value : move(value)),
  };
}

/** The path of a file that is read or written. */
export const FILE: Reader<string> = path("a file");

/** A whole number between two bounds, both included. */
export function number(what: string, advice: string, least: number, most: number): Reader<number> {
  const within = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? (value as number)
      : undefined;
  return {
    what,
    advice,
    fromText: (digits) => (/^\d{1,15}$/.test(digits) ? within(Number(digits)) : undefined),
    fromFile: within,
    toText: String,
  };
}

/** A number of things, 0 for no limit. */
export const LIMIT: Reader<number> = number("a limit", `choose 0 to ${LONGEST}; 0 is none`, 0, LONGEST);

export const PART: Reader<number> = {
  what: "a part",
  advice: "choose 0 to 1, for example 0.1",
  fromText: (digits) => (/^(?:0|1|0?\.\d{1,9})$/.test(digits) ? Number(digits) : undefined),
  fromFile: (value) => (typeof value === "number" && value >= 0 && value <= 1 ? value : undefined),
  toText: String,
};

export const DURATION: Reader<number> = measure(
  "a duration",
  "give milliseconds, or a unit: 500ms, 30s, 5m, 1h",
  parseDuration,
  formatDuration,
  LONGEST,
);

/** A size that the server takes. */
export const SIZE: Reader<number> = sizeUpTo(LONGEST);

export const MEMORY: Reader<number> = sizeUpTo(Number.MAX_SAFE_INTEGER);

function sizeUpTo(most: number): Reader<number> {
  return measure("a size", "give bytes, or a unit: 16K, 512M, 2G", parseSize, formatSize, most);
}

function measure(
  what: string,
  advice: string,
  parse: (text: string) => number | undefined,
  toText: (value: number) => string,
  most: number,
): Reader<number> {
  const plain = number(what, advice, 0, most);
  const fromText = (value: string) => plain.fromFile(parse(value));
  return {
    ...plain,
    fromText,
    fromFile: (value) => (typeof value === "string" ? fromText(value) : plain.fromFile(value)),
    toText,
  };
}

/** One of these words. */
export function choice<Word extends string>(what: string, ...words: readonly Word[]): Reader<Word> {
  const fromText = (value: string) => words.find((word) => word === value);
  return { what, advice: `choose ${anyOf(words)}`, fromText, fromFile: ifText(fromText), toText: (value) => value };
}

function anyOf(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** A number of processes, or as many as there are CPUs. */
export const WORKERS: Reader<number | "auto"> = orElse(
  number("a number of workers", "choose 1 to 1024, or auto", 1, 1024),
  (value) => (value === "auto" ? value : undefined),
);

/** The name or the number of a user or a group; its number as digits. */
export function account(what: string): Reader<string | number> {
  const name = text(what, "give its name or its number", /^[\p{L}\p{N}_][^\s:/]*$/u);
  return orElse(number(what, name.advice, 0, 2 ** 32 - 2), ifText(name.fromText));
}

/** Values that the one reader reads, or else the other. */
function orElse<One, Other extends string>(
  one: Reader<One>,
  other: (value: unknown) => Other | undefined,
): Reader<One | Other> {
  return {
    what: one.what,
    advice: one.advice,
    fromText: (value) => one.fromText(value) ?? other(value),
    fromFile: (value) => one.fromFile(value) ?? other(value),
    toText: String,
  };
}

/** A list, each of it read by another reader; a text gives one or, by `separator`, several. */
export function list(one: Reader<string>, separator?: string): Reader<readonly string[]> {
  const all = (values: readonly unknown[]) => {
    const found = values.map((value) => one.fromFile(value));
    return found.length === 0 || found.includes(undefined) ? undefined : (found as readonly string[]);
  };
  const fromText = (value: string) => all(separator === undefined ? [value] : value.split(separator));
  const { move } = one;
  return {
    what: one.what,
    advice: one.advice,
    fromText,
    fromFile: (value) => (typeof value === "string" ? fromText(value) : Array.isArray(value) ? all(value) : undefined),
    toText: (values) => values.join(separator ?? " "),
    ...(move !== undefined && { move: (values, folder) => values.map((value) => move(value, folder)) }),
    isList: true,
  };
}

/** A place to listen on. */
export const BIND: Reader<string> = {
  ...text("an address", "give host:port, :port, [::1]:port, unix:path?mode=660, fd:3 or fd:name"),
  fromText: (value) => (isBind(value) ? value : undefined),
  fromFile: ifText((value) => (isBind(value) ? value : undefined)),
  move: moveBind,
};

export const NETWORK: Reader<string> = {
  ...text("a network", "give for example 10.0.0.0/8, fd00::/8 or 192.0.2.7"),
  fromText: network,
  fromFile: ifText(network),
};

function network(value: string): string | undefined {
  try {
    networksOf("", [value]);
    return value;
  } catch {
    return undefined;
  }
}

/** Permissions in octal digits. */
export const UMASK: Reader<string> = text("a umask", "give octal digits, for example 027", /^0?[0-7]{1,3}$/);

function ifText<Value>(fromText: (text: string) => Value | undefined): (value: unknown) => Value | undefined {
  return (value) => (typeof value === "string" ? fromText(value) : undefined);
}

/** What makes the paths of a config file relative to the working directory. */
export function mover(folder: string): (path: string) => string {
  const prefix = relative(process.cwd(), folder);
  return (path) => (isAbsolute(path) || prefix === "" ? path : join(prefix, path));
}
