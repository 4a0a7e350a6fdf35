/** The settings of a supervisor. */

import type { ListenOptions } from "../server/options.ts";

/** The variable that tells a supervisor to go on where another one is. */
export const SUCCESSION_VARIABLE = "TSGI_SUCCEEDS";

/** What a supervisor does, with its defaults. Durations are milliseconds, sizes bytes; 0 means "no limit". */
export interface Settings {
  /** The program of the workers, its environment, and what it is told to do. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  readonly task: unknown;
  readonly workers: number;
  readonly listen: readonly ListenOptions[];
  readonly backlog: number;
  /** How long the event loop of a worker may hang before it is killed. */
  readonly timeout: number;
  /** How long a worker may take until it serves. */
  readonly bootTimeout: number;
  readonly drainDelay: number;
  readonly linger: number;
  readonly grace: number;
  readonly maxRequests: number;
  /** Up to which share `maxRequests` is exceeded at random, so that workers are not replaced all at once. */
  readonly maxRequestsJitter: number;
  readonly maxMemory: number;
  /** Called once the sockets are bound, before a worker is started. What it throws ends the start. */
  readonly onBound?: (() => void) | undefined;
  /** Where the supervisor says what happens, a line each. */
  readonly log: (line: string) => void;
}
