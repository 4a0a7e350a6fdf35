/** What the process that watches and the one that serves tell each other. */

/** To the one that is to serve: load the app, or show why it cannot be served; or leave your place to another one. */
export type ToWorker = { readonly do: "load"; readonly failure: string | undefined } | { readonly do: "leave" };

/** From the one that has loaded the app, or goes on loading. */
export type FromWorker =
  | {
      readonly is: "loaded";
      /** When it began, in milliseconds since the epoch. */
      readonly since: number;
      readonly files: readonly string[];
      /** Those of them that a worker imports before it is told to load, such as the configuration. */
      readonly early: readonly string[];
      /** Folders in which a missing file may appear. */
      readonly folders: readonly string[];
      /** Whether what it serves is a page that says why there is no app. */
      readonly hasFailed: boolean;
      /** The parts of the site, a line each. */
      readonly tree: readonly string[];
    }
  /** It has imported more. */
  | { readonly is: "imported"; readonly files: readonly string[] };

/** What a worker is started with. */
export interface ReloadTask {
  /** The arguments of the command. */
  readonly args: readonly string[];
}
