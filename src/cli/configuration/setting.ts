/** What a setting of the command is. */

import type { Duration, Size, TsgiConfig } from "../../config.ts";
import type { Reader } from "./reader.ts";

/** The name of a setting, which is its key in a config file; its flag is the same in kebab case. */
export type SettingName = keyof TsgiConfig;

/** What a value that a config file may write in several ways is read as. */
type Read<Value> =
  IsSame<Value, Duration> extends true
    ? number
    : IsSame<Value, Size> extends true
      ? number
      : [readonly string[]] extends [Value]
        ? readonly string[]
        : Value;

type IsSame<One, Other> = [One, Other] extends [Other, One] ? true : false;

/** What a setting is read as. */
type ValueOf<Name extends SettingName> = Read<NonNullable<TsgiConfig[Name]>>;

/** The settings without a default. */
type Optional =
  | "app"
  | "interface"
  | "bind"
  | "unix"
  | "proxyProtocol"
  | `tls${string}`
  | "user"
  | "group"
  | "umask"
  | "pidFile"
  | "readyPath"
  | "control"
  | "status"
  | "accessLog"
  | "accessLogFormat";

/** The values of all settings. */
export type Values = {
  readonly [Name in SettingName]-?: ValueOf<Name> | (Name extends Optional ? undefined : never);
};

/** What the usage says of a flag. */
export interface FlagRule {
  /** What stands for its value: `"<port>"`. */
  readonly value?: string;
  readonly short?: string;
  readonly help: string;
}

/** One setting. */
export interface Setting<Value, Default = Value> {
  readonly section: Section;
  readonly reader: Reader<Value>;
  readonly default: Default;
  /** Absent: it has no flag. */
  readonly flag?: FlagRule;
  /** The variable of the environment. */
  readonly variable?: string;
  /** Whether its value is never printed. */
  readonly isSecret?: true;
}

/** How the usage groups flags. */
export type Section = "app" | "listening" | "tls" | "limits" | "closing" | "process" | "workers" | "output";

/** All of them. */
export type Settings = {
  readonly [Name in SettingName]-?: Setting<ValueOf<Name>, Name extends Optional ? undefined : ValueOf<Name>>;
};
