/** Users and groups: what `--user` and `--group` name, and becoming them. */

import { execFileSync } from "node:child_process";
import { chownSync } from "node:fs";
import { codeOf } from "../errors.ts";
import type { ListenOptions } from "../server/serve.ts";
import { CommandError } from "./command-error.ts";
import type { ProcessSettings } from "./configuration/configuration.ts";

/** Whom a process becomes. */
export interface Account {
  /** The name, or the number where only that is known; undefined where the user stays. */
  readonly user: string | number | undefined;
  readonly uid: number | undefined;
  readonly gid: number;
}

/** What the types of Node leave out. */
interface WithGroups {
  initgroups(user: string | number, group: number): void;
}

/** findAccount gives whom the settings name; undefined where they name nobody. Throws a `CommandError` for who is not known. */
export function findAccount({ user, group }: Pick<ProcessSettings, "user" | "group">): Account | undefined {
  if (user === undefined && group === undefined) return undefined;
  if (process.geteuid?.() !== 0) {
    throw new CommandError("--user and --group need root; leave them out, or start tsgi as root");
  }
  const gid = group === undefined ? undefined : idOf("group", group);
  const uid = user === undefined ? undefined : idOf("user", user);
  return { user, uid, gid: gid ?? primaryGroup(user as string | number) };
}

/** become changes user and groups for good. Throws a `CommandError` where the system refuses. */
export function become({ user, uid, gid }: Account): void {
  try {
    joinGroups(user, gid);
    process.setgid?.(gid);
    if (uid !== undefined) process.setuid?.(uid);
  } catch (error) {
    throw new CommandError(`this process may not become ${user ?? "another group"}: ${(error as Error).message}`, 1);
  }
}

/** giveSockets gives the Unix sockets of places to an account: those who may connect as that user may connect to them. */
export function giveSockets(places: readonly ListenOptions[], { uid = -1, gid }: Account): void {
  for (const { unix } of places) if (unix !== undefined) chownSync(unix, uid, gid);
}

/** Root's own groups would stay otherwise. */
function joinGroups(user: string | number | undefined, gid: number): void {
  try {
    if (user !== undefined) {
      (process as Partial<WithGroups>).initgroups?.(user, gid);
      return;
    }
  } catch (error) {
    // A number that no user has belongs to no group.
    if (codeOf(error) !== "ERR_UNKNOWN_CREDENTIAL") throw error;
  }
  process.setgroups?.([gid]);
}

/** Node knows the number of a name only where it becomes it: so it does, and goes back. */
function idOf(kind: "user" | "group", name: string | number): number {
  const [get, set] = kind === "user" ? [process.geteuid, process.seteuid] : [process.getegid, process.setegid];
  const before = get?.() as number;
  try {
    set?.(name);
    return get?.() as number;
  } catch (error) {
    throw new CommandError(
      codeOf(error) === "ERR_UNKNOWN_CREDENTIAL"
        ? `there is no ${kind} ${name}; check --${kind}`
        : `this process may not become ${kind} ${name}: ${(error as Error).message}`,
    );
  } finally {
    set?.(before);
  }
}

function primaryGroup(user: string | number): number {
  try {
    return Number(execFileSync("id", ["-g", String(user)], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  } catch {
    throw new CommandError(`user ${user} has no group of its own; give --group`);
  }
}
