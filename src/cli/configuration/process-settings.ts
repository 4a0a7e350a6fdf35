/** The settings of the process and its workers, and of what they print. */

import {
  account,
  BIND,
  choice,
  DURATION,
  FILE,
  LIMIT,
  MEMORY,
  PART,
  path,
  SWITCH,
  text,
  UMASK,
  WORKERS,
} from "./reader.ts";
import type { Settings } from "./setting.ts";

/** Their names. */
export type ProcessSettingName =
  | "user"
  | "group"
  | "umask"
  | "pidFile"
  | "workers"
  | "timeout"
  | "bootTimeout"
  | "maxRequests"
  | "maxRequestsJitter"
  | "maxMemory"
  | "readyPath"
  | "control"
  | "status"
  | "reload"
  | "development"
  | "verbose"
  | "quiet"
  | "accessLog"
  | "accessLogFormat";

export const PROCESS_SETTINGS: Pick<Settings, ProcessSettingName> = {
  user: {
    section: "process",
    reader: account("a user"),
    default: undefined,
    flag: { value: "<name>", help: "user to become once it listens" },
  },
  group: {
    section: "process",
    reader: account("a group"),
    default: undefined,
    flag: { value: "<name>", help: "group to change to (default: the user's)" },
  },
  umask: {
    section: "process",
    reader: UMASK,
    default: undefined,
    flag: { value: "<octal>", help: "permissions that new files do not get" },
  },
  pidFile: {
    section: "process",
    reader: FILE,
    default: undefined,
    flag: { value: "<file>", help: "has the process id while it runs" },
  },

  workers: {
    section: "workers",
    reader: WORKERS,
    default: 1,
    variable: "WEB_CONCURRENCY",
    flag: { value: "<number>", help: "processes, or auto" },
  },
  timeout: {
    section: "workers",
    reader: DURATION,
    default: 30_000,
    flag: { value: "<time>", help: "for one that hangs" },
  },
  bootTimeout: {
    section: "workers",
    reader: DURATION,
    default: 60_000,
    flag: { value: "<time>", help: "for one that starts" },
  },
  maxRequests: {
    section: "workers",
    reader: LIMIT,
    default: 0,
    flag: { value: "<number>", help: "after which one is replaced, 0: never" },
  },
  maxRequestsJitter: {
    section: "workers",
    reader: PART,
    default: 0.1,
    flag: { value: "<part>", help: "by which they differ in that" },
  },
  maxMemory: {
    section: "workers",
    reader: MEMORY,
    default: 0,
    flag: { value: "<size>", help: "beyond which one is replaced" },
  },
  readyPath: {
    section: "workers",
    reader: text("a path of the app", "it starts with a slash", /^\//),
    default: undefined,
    flag: { value: "<path>", help: "that a new one has to answer first" },
  },
  control: {
    section: "workers",
    reader: path("a path"),
    default: undefined,
    flag: { value: "<path>", help: "socket for tsgi ctl" },
  },
  status: {
    section: "workers",
    reader: BIND,
    default: undefined,
    flag: { value: "<place>", help: "for /livez, /readyz, /status, /metrics" },
  },
  reload: {
    section: "workers",
    reader: SWITCH,
    default: false,
    flag: { help: "restart when a module of the app changes" },
  },

  development: { section: "output", reader: SWITCH, default: false, flag: { help: "show errors in the response" } },
  verbose: { section: "output", reader: SWITCH, default: false, flag: { help: "print each exchange as curl -v does" } },
  quiet: { section: "output", reader: SWITCH, default: false, flag: { help: "print nothing but errors" } },
  accessLog: {
    section: "output",
    reader: path("a file", "-", "off"),
    default: undefined,
    flag: { value: "<file>", help: "log requests; - is standard output, or off" },
  },
  accessLogFormat: {
    section: "output",
    reader: choice("a format", "short", "common", "combined", "json"),
    default: undefined,
    flag: { value: "<name>", help: "short, common, combined or json" },
  },
};
