/** How many workers suit the machine. */

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Where Linux shows the groups that limit a process. */
const GROUPS = "/sys/fs/cgroup";

/** What reads a file; undefined where there is none. */
export type ReadText = (path: string) => string | undefined;

/**
 * automaticWorkers gives the number of workers that `auto` means: one for each processor that the process may use, and no more
 * than the CPU quota of its container (cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us`) gives full ones; at least one. Node knows the
 * processors, and not every quota.
 */
export function automaticWorkers(read: ReadText = readText, processors: number = availableParallelism()): number {
  const quotas = groupsOf(read).flatMap((group) => [
    quotaOf(read(`${GROUPS}${group}/cpu.max`)),
    quotaOf(`${read(`${GROUPS}/cpu${group}/cpu.cfs_quota_us`)} ${read(`${GROUPS}/cpu${group}/cpu.cfs_period_us`)}`),
  ]);
  return Math.max(1, Math.min(processors, ...quotas.map(Math.ceil)));
}

/** The groups that the process is in, from the innermost to the root. */
function groupsOf(read: ReadText): string[] {
  const lines = (read("/proc/self/cgroup") ?? "").split("\n");
  const paths = lines.flatMap((line) => /^\d+:(?:|(?:[^:]*,)?cpu(?:,[^:]*)?):(\/.*)$/.exec(line)?.[1] ?? []);
  const groups = new Set<string>();
  for (const path of paths) {
    const names = path.split("/").filter((name) => name !== "");
    for (let depth = names.length; depth > 0; depth--) groups.add(`/${names.slice(0, depth).join("/")}`);
  }
  // Inside a container its own group is the root.
  return [...groups, ""];
}

/** The processors that a quota allows: `max 100000` is not a limit, nor is `-1 100000`. */
function quotaOf(text: string | undefined): number {
  const [, quota, period] = /^(\d+)\s+(\d+)\s*$/.exec(text?.replace(/\n/g, "") ?? "") ?? [];
  const processors = Number(quota) / Number(period);
  return processors > 0 ? processors : Number.POSITIVE_INFINITY;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
