/**
 * The settings of the command: one table, from which come flags, the keys of config files, variables of the environment,
 * checks, the usage and `tsgi config`. They are printed in its order.
 */

import { INTERFACES } from "../detect-app.ts";
import { PROCESS_SETTINGS } from "./process-settings.ts";
import { choice, path, SWITCH } from "./reader.ts";
import { SERVER_SETTINGS } from "./server-settings.ts";
import type { Setting, SettingName, Settings } from "./setting.ts";

const SETTINGS: Settings = {
  app: { section: "app", reader: path("a module"), default: undefined },
  interface: {
    section: "app",
    reader: choice("an interface", ...INTERFACES),
    default: undefined,
    flag: { value: "<name>", help: "tsgi, node or fetch (default: detected)" },
  },
  factory: {
    section: "app",
    reader: SWITCH,
    default: false,
    flag: { help: "the export is a function that returns it" },
  },

  ...SERVER_SETTINGS,
  ...PROCESS_SETTINGS,
};

/** The names of all settings. */
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** settingOf gives a setting, whatever its values are. */
export function settingOf(name: SettingName): Setting<unknown, unknown> {
  return SETTINGS[name] as Setting<unknown, unknown>;
}

/** The flag of a setting without its dashes: `"max-connections"`. */
export function flagOf(name: SettingName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
