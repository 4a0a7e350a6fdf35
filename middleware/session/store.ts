/** Where sessions are kept that are not in the cookie, and how that is asked. */

/**
 * Keeps texts for a time. The keys are hashes of the ids that clients have. Each member may return its result or a promise of it; one
 * that throws, rejects or hangs means that there are no sessions, and the request is a 503.
 */
export interface SessionStore {
  /** Gives the text under a key; undefined where there is none. */
  get(key: string): string | undefined | Promise<string | undefined>;
  /** Keeps a text under an unused key, for a number of milliseconds. */
  create(key: string, text: string, lifetime: number): unknown;
  /**
   * Keeps a text in place of another, in one step, for a number of milliseconds from now. Gives true, and false where that other one is
   * not what is there: then nothing has changed.
   */
  replace(key: string, old: string, text: string, lifetime: number): boolean | Promise<boolean>;
  /** Forgets a key. Gives whether there was something under it. */
  delete(key: string): boolean | Promise<boolean>;
}
