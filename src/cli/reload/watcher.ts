/** Tells when files change, those that editors replace by others included. */

import { statSync } from "node:fs";
import { dirname } from "node:path";
import { type FSWatcher, watch } from "chokidar";

/** How long it has to be quiet after a change, in milliseconds: editors and compilers write several times. */
const QUIET = 15;

/** How far the times of files may be behind the clock, in milliseconds: Linux stamps them by one that stands still meanwhile. */
const CLOCK_STEP = 15;

/**
 * Watcher watches the folders of the files it is given, as an editor that replaces a file ends what watches the file itself, and
 * looks at those files alone.
 */
export class Watcher {
  readonly #watcher: FSWatcher;
  readonly #onChange: (paths: readonly string[]) => void;
  #files = new Set<string>();
  /** Folders in which every file counts. */
  #folders = new Set<string>();
  readonly #watched = new Set<string>();
  /** Files that are not watched yet, and since when a change of them counts. */
  readonly #pending = new Map<string, number>();
  #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** `onChange` is called once it is quiet after a change; `onError` with what keeps files from being watched. */
  constructor(onChange: (paths: readonly string[]) => void, onError: (error: Error) => void) {
    this.#onChange = onChange;
    this.#watcher = watch([], { depth: 0, ignored: (path) => !this.#isOfInterest(path) });
    this.#watcher.on("all", (event, path) => this.#onEvent(event, path));
    this.#watcher.on("error", (error) => onError(error as Error));
  }

  #isOfInterest(path: string): boolean {
    return this.#files.has(path) || this.#watched.has(path) || this.#folders.has(dirname(path));
  }

  #onEvent(event: string, path: string): void {
    const since = this.#pending.get(path);
    this.#pending.delete(path);
    // The first event of a file says that it is watched from now on; what has been before is asked for.
    if (event !== "add" || since === undefined || isNewer(path, since)) this.#note(path);
  }

  #note(path: string): void {
    if (!this.#files.has(path) && !this.#folders.has(dirname(path))) return;
    this.#changed.add(path);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const changed = [...this.#changed];
      this.#changed = new Set();
      this.#onChange(changed);
    }, QUIET);
  }

  /** Watches more files; one that has changed since a time, in milliseconds since the epoch, counts as changed. */
  add(files: readonly string[], since: number): void {
    const added = files.filter((file) => !this.#files.has(file));
    for (const file of added) this.#files.add(file);
    for (const file of added) this.#pending.set(file, since - CLOCK_STEP);
    this.#watch(added.flatMap((file) => [dirname(file), file]));
  }

  /** Watches folders, in which any file counts until the next `replace`. */
  addFolders(folders: readonly string[]): void {
    for (const folder of folders) this.#folders.add(folder);
    this.#watch(folders);
  }

  /** Watches these files, and no others. */
  replace(files: readonly string[], since: number): void {
    const kept = new Set(files);
    this.#files = new Set([...this.#files].filter((file) => kept.has(file)));
    this.#folders = new Set();
    this.add(files, since);
  }

  #watch(paths: readonly string[]): void {
    const added = new Set(paths.filter((path) => !this.#watched.has(path)));
    for (const path of added) this.#watched.add(path);
    if (added.size > 0) this.#watcher.add([...added]);
  }

  close(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#watcher.close();
  }
}

/** Whether a file was written, or removed, after a time. */
function isNewer(path: string, since: number): boolean {
  const mtime = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
  return mtime > since;
}
