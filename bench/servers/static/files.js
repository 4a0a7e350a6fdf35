import { join } from "node:path";

/** The folder that is served; the benchmark has made it. */
export const FILES = join(process.env.BENCH_FOLDER, "files");
