/** `tsgi config`: prints every setting with its value and where it comes from. */

import { escapeControls } from "../escape.ts";
import type { SettingName } from "./configuration/setting.ts";
import { SETTING_NAMES, settingOf } from "./configuration/settings.ts";
import type { Origin, Resolved } from "./configuration/sources.ts";

const MASK = "********";

/** settingsText gives a line for each setting: its name, its value, and where that comes from. */
export function settingsText({ values, origins }: Resolved): string {
  const rows = SETTING_NAMES.map((name) => {
    const value = isReplaced(origins[name]) ? "-" : valueText(name, values[name]);
    return [name, escapeControls(value), escapeControls(originText(origins[name]))] as const;
  });
  const [first, second] = ([0, 1] as const).map((column) => Math.max(...rows.map((row) => row[column].length)) + 2);
  return rows
    .map(([name, value, origin]) => `${name.padEnd(first as number)}${value.padEnd(second as number)}${origin}\n`)
    .join("");
}

/** settingsJson gives the same for programs: durations are milliseconds, sizes bytes, and what is not set is null. */
export function settingsJson({ values, origins }: Resolved): string {
  const settings = SETTING_NAMES.map((name) => {
    const value = isReplaced(origins[name]) ? null : (values[name] ?? null);
    return [name, { value: value !== null && settingOf(name).isSecret ? MASK : value, ...originOf(origins[name]) }];
  });
  return `${JSON.stringify(Object.fromEntries(settings), undefined, 2)}\n`;
}

function isReplaced({ from }: Origin): boolean {
  return from === "replaced";
}

function originText({ from, name }: Origin): string {
  if (from === "replaced") return `replaced by ${name}`;
  return from === "environment" ? `$${name}` : name || from;
}

function originOf({ from, name }: Origin): object {
  return from === "default" ? { from } : { from, name };
}

function valueText(name: SettingName, value: unknown): string {
  const { reader, isSecret } = settingOf(name);
  if (value === undefined) return "-";
  return isSecret ? MASK : reader.toText(value);
}
