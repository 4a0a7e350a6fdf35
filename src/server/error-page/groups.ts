/** The frames of a stack in groups: the user's own, and runs of others. */

import type { Frame } from "./stack.ts";

export interface FrameGroup {
  /** Whose code it is, each owner once; empty for the user's own. */
  readonly owners: readonly string[];
  readonly frames: readonly Frame[];
}

/** The frames in their order, those in a row that are the user's own together, and those that are not. */
export function groupsOf(frames: readonly Frame[]): FrameGroup[] {
  const groups: { owners: string[]; frames: Frame[] }[] = [];
  for (const frame of frames) {
    const isOwn = frame.owner === "";
    let group = groups.at(-1);
    if (group === undefined || (group.owners.length === 0) !== isOwn) {
      group = { owners: [], frames: [] };
      groups.push(group);
    }
    group.frames.push(frame);
    if (!isOwn && !group.owners.includes(frame.owner)) group.owners.push(frame.owner);
  }
  return groups;
}
