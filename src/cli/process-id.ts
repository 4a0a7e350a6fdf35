/** Ids of processes. */

import { codeOf } from "../errors.ts";

/** isAlive tells whether a process runs, whoever it belongs to. */
export function isAlive(id: number): boolean {
  // 0 would be the own group.
  if (id === 0) return false;
  try {
    return process.kill(id, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}
