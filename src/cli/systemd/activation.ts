/** Sockets that systemd has opened: `LISTEN_FDS`, as sd_listen_fds(3) describes it. */

import { SUCCESSION_VARIABLE } from "../../supervisor/settings.ts";

/** The first descriptor that systemd passes on. */
export const FIRST_ACTIVATED = 3;

/** The names of the sockets that systemd has opened, from descriptor 3 on; several may have the same one. */
export type Activated = readonly string[];

const VARIABLES = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] as const;

/**
 * takeActivated gives the sockets that were opened for this process, and removes what tells of them: no process that this one
 * starts is to take them for its own. A new supervisor has those of the one that has started it.
 */
export function takeActivated(environment: NodeJS.ProcessEnv): Activated {
  const { LISTEN_PID: pid, LISTEN_FDS: count = "", LISTEN_FDNAMES: names = "" } = environment;
  for (const variable of VARIABLES) delete environment[variable];
  const isForThis = pid === String(process.pid) || environment[SUCCESSION_VARIABLE] !== undefined;
  if (!isForThis || !/^\d{1,4}$/.test(count)) return [];
  const given = names.split(":");
  return Array.from({ length: Number(count) }, (_, index) => given[index] ?? "");
}

/** The variables that tell a new supervisor of them. */
export function activatedVariables(activated: Activated): NodeJS.ProcessEnv {
  if (activated.length === 0) return {};
  return { LISTEN_FDS: String(activated.length), LISTEN_FDNAMES: activated.join(":") };
}
