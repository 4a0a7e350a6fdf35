/** What the commands have in common: their help, and how they fail. */

import { spawnSync } from "node:child_process";

/** Runs what the flags ask for: `read` returns undefined where they ask for help. Prints what is thrown, and exits with 1. */
export async function runCommand<Flags>(
  usage: string,
  read: (args: string[]) => Flags | undefined,
  run: (flags: Flags) => Promise<void>,
): Promise<void> {
  try {
    const flags = read(process.argv.slice(2));
    if (flags === undefined) console.log(usage);
    else if (spawnSync("wrk", ["-v"]).error !== undefined) {
      console.error("bench: wrk is missing; install it: apt-get install wrk");
      process.exitCode = 2;
    } else await run(flags);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
