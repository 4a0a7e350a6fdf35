/** Files that stay open for the next request: opening and closing one costs as much as reading it. */

/** The owner of a file that may stay open. */
export interface FileOwner {
  /** Whether the open file was used since the last sweep. */
  isInUse: boolean;
  /** Closes the file, once nothing reads it any more, and removes the owner from its `OpenFiles`. */
  close(): undefined | Promise<void>;
}

/** How many files stay open. */
const LIMIT = 128;

/** How long a file stays open at least without being used, in milliseconds, and at most twice that. */
const IDLE = 1000;

/** The owners of open files: the one used longest ago is closed when there are too many, all when descriptors run out. */
export class OpenFiles {
  readonly #owners = new Set<FileOwner>();
  readonly #limit: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(limit: number = LIMIT) {
    this.#limit = limit;
  }

  add(owner: FileOwner): void {
    if (this.#limit === 0) return;
    this.#owners.add(owner);
    const [oldest] = this.#owners;
    if (this.#owners.size > this.#limit) oldest?.close();
    this.#timer ??= setInterval(() => this.#sweep(), IDLE).unref();
  }

  delete(owner: FileOwner): void {
    this.#owners.delete(owner);
    if (this.#owners.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Closes every file that nothing reads at the moment. */
  readonly closeIdle = (): Promise<unknown> => Promise.all([...this.#owners].map((owner) => owner.close()));

  #sweep(): void {
    for (const owner of this.#owners) {
      if (owner.isInUse) owner.isInUse = false;
      else void owner.close();
    }
  }
}
