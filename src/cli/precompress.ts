/** `tsgi precompress <directory>`: makes the variants that `staticFiles` sends. */

import { availableParallelism } from "node:os";
import { type Encoding, isEncoding, VARIANTS, variantPath } from "../../middleware/static-files/variants.ts";
import { CommandError } from "./command-error.ts";
import { checkFolder } from "./folder.ts";
import { AVAILABLE, costOf } from "./precompress/coding.ts";
import { type Job, makeVariant } from "./precompress/job.ts";
import { MINIMUM, plan } from "./precompress/plan.ts";
import { Progress } from "./precompress/progress.ts";
import { Tally } from "./precompress/tally.ts";
import { deleteUnfinished } from "./precompress/temporary-file.ts";
import { Thread } from "./precompress/thread.ts";
import { printError } from "./print-lines.ts";

/** Which variants to make, and how to report. */
export interface PrecompressOptions {
  readonly encodings: readonly Encoding[];
  readonly quiet: boolean;
}

/** Throws a `CommandError` for codings that do not exist, or that this version of Node does not have. */
export function precompressOptions(only: string | undefined, quiet: boolean): PrecompressOptions {
  if (only === undefined) return { encodings: AVAILABLE, quiet };
  const wanted = only.split(",").map((name) => name.trim());
  const known = VARIANTS.map(({ encoding }) => encoding);
  if (!wanted.every(isEncoding)) {
    throw new CommandError(`--only ${only} is not a list of codings; choose from ${known.join(",")}`);
  }
  const missing = wanted.find((encoding) => !AVAILABLE.includes(encoding));
  if (missing !== undefined) {
    throw new CommandError(`${missing} needs Node 22.15 or later; this is Node ${process.versions.node}`);
  }
  return { encodings: known.filter((encoding) => wanted.includes(encoding)), quiet };
}

/**
 * Makes the variants of a folder's files: those that are missing or older than their file. Resolves to 1 where some could
 * not be made, each with a line of its own, else to 0. No unfinished file is left, even if a signal ends it.
 */
export async function precompress(folder: string, { encodings, quiet }: PrecompressOptions): Promise<number> {
  checkFolder(folder);
  const tally = new Tally(encodings);
  let progress: Progress | undefined;
  let exitCode = 0;
  const jobs = await plan(folder, encodings, tally, report);
  const cost = jobs.reduce((sum, job) => sum + costOfJob(job), 0);
  if (!quiet) progress = new Progress(process.stderr, jobs.length, cost);
  cleanUpAtTheEnd(() => progress?.clear());
  await eachInThread(jobs, async (job, thread) => {
    try {
      count(job, await makeVariant(job, thread));
    } catch (error) {
      tally.of(job.encoding).failed++;
      report(`${variantPath(job.path, job.encoding)}: ${(error as Error).message}`);
    }
    progress?.advance(costOfJob(job));
  });
  progress?.clear();
  if (!quiet) process.stdout.write(tally.summary(MINIMUM));
  return exitCode;

  function count({ encoding }: Job, made: Awaited<ReturnType<typeof makeVariant>>): void {
    const counts = tally.of(encoding);
    if (made === "not smaller") {
      counts.notSmaller++;
      return;
    }
    counts.made++;
    counts.before += made.before;
    counts.after += made.after;
  }

  function report(text: string): void {
    exitCode = 1;
    progress?.clear();
    printError(text);
  }
}

function costOfJob({ encoding, size }: Job): number {
  return costOf(encoding, size);
}

/** Does the jobs in their order, on all cores. */
async function eachInThread(jobs: readonly Job[], work: (job: Job, thread: Thread) => Promise<void>): Promise<void> {
  const queue = jobs.values();
  const threads = Array.from({ length: Math.min(availableParallelism(), jobs.length) }, () => new Thread());
  await Promise.all(
    threads.map(async (thread) => {
      for (const job of queue) await work(job, thread);
      await thread.close();
    }),
  );
}

/** A signal ends the process as it would have without us: a thread that compresses cannot be asked to stop. */
function cleanUpAtTheEnd(clear: () => void): void {
  process.once("exit", deleteUnfinished);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      clear();
      deleteUnfinished();
      process.kill(process.pid, signal);
    });
  }
}
